"""Names for the rows and sections of the leaderboard, and in what two protocols differ."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from bench.records.frame import Texts
from bench.records.record import Record

T = TypeVar("T", bound=Hashable)


def labels(things: Mapping[T, tuple[str, dict[str, Any]]]) -> dict[T, str]:
    """A label for each thing, made of its name and arguments.

    Things of the same name are told apart by the arguments in which they differ, in brackets: by those that are not
    None where that is enough, else by all.
    """
    namesakes: dict[str, list[dict[str, Any]]] = {}
    for name, arguments in things.values():
        namesakes.setdefault(name, []).append(arguments)
    shown = {name: _telling(others) for name, others in namesakes.items()}
    named = {}
    for thing, (name, arguments) in things.items():
        keys, brief = shown[name]
        pairs = _pairs(arguments, _given(arguments, keys) if brief else keys)
        named[thing] = f"{name} ({pairs})" if pairs else name
    return named


def _telling(namesakes: Sequence[dict[str, Any]]) -> tuple[list[str], bool]:
    """The arguments in which some differ, and whether those that are not None are enough to tell all apart."""
    keys = sorted({key for arguments in namesakes for key in arguments})
    differing = [key for key in keys if len({text(arguments.get(key)) for arguments in namesakes}) > 1]
    brief = {_pairs(arguments, _given(arguments, differing)) for arguments in namesakes}
    return differing, len(brief) == len(namesakes)


def method_of(record: Record, texts: Texts | None = None) -> Hashable:
    """What makes a row: a method, its arguments and the text encoder it learnt from; `texts` saves time for many."""
    return record.method.name, (texts or Texts())(record.method.arguments), record.text_encoder or ""


def arguments_of(record: Record) -> dict[str, Any]:
    """What tells rows of one method apart."""
    return record.method.arguments | {"text_encoder": record.text_encoder}


def protocol_differences(first: Record, other: Record) -> list[str]:
    """In what the protocol of `other` is unlike that of `first`, one sentence a setting."""
    before = first.protocol | {"data set fingerprint": first.dataset.fingerprint}
    after = other.protocol | {"data set fingerprint": other.dataset.fingerprint}
    keys = sorted(key for key in {*before, *after} if text(before.get(key)) != text(after.get(key)))
    return [f"{key}: {text(after.get(key))}, not {text(before.get(key))}" for key in keys]


def text(value: object) -> str:
    """A string as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _given(arguments: Mapping[str, Any], keys: Iterable[str]) -> list[str]:
    return [key for key in keys if arguments.get(key) is not None]


def _pairs(arguments: Mapping[str, Any], keys: Iterable[str]) -> str:
    return ", ".join(f"{key}={text(arguments.get(key))}" for key in keys)
