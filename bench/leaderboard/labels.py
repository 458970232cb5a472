"""Names for the rows and sections of the leaderboard, and in what two protocols differ."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable, Mapping
from typing import Any, TypeVar

from bench.records.record import Record

T = TypeVar("T", bound=Hashable)


def labels(things: Mapping[T, tuple[str, dict[str, Any]]]) -> dict[T, str]:
    """A label for each thing, made of its name and arguments.

    Things of the same name are told apart by the arguments in which they differ, in brackets: by those that are not
    None where that is enough, else by all.
    """
    named = {}
    for thing, (name, arguments) in things.items():
        namesakes = [others for other, others in things.values() if other == name]
        keys = sorted({key for others in namesakes for key in others})
        differing = [key for key in keys if len({text(others.get(key)) for others in namesakes}) > 1]
        brief = {_pairs(others, _given(others, differing)) for others in namesakes}
        enough = len(brief) == len(namesakes)
        pairs = _pairs(arguments, _given(arguments, differing) if enough else differing)
        named[thing] = f"{name} ({pairs})" if pairs else name
    return named


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
