"""What was trained, taken apart: the base, what is passed on to it, the losses around it and their switches."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

from bench.effects.sources import Sources
from bench.records.record import Record

PASSED_ON = ("codes", "init", "revive", "legacy")
"""Arguments that a method gives to the one that it wraps, where they are given and that one takes them."""

Pairs: TypeAlias = tuple[tuple[str, str], ...]
"""Arguments, sorted by name, with their values as JSON."""


class Setting(NamedTuple):
    """What makes a training besides its seed and its data.

    base: the method without losses of language. base_arguments: those that are not the base's defaults, or all of them
    where its defaults are not known. guide: the method around it, None for the base alone. others: the arguments of the
    guide, but for those that it passes on. losses: of the guide, none for the base alone.
    """

    base: str
    base_arguments: Pairs
    guide: str | None
    others: Pairs
    text_encoder: str | None
    losses: frozenset[str]


def setting_of(record: Record, sources: Sources) -> Setting:
    """The setting of a record's training; every method that wraps no other is a base."""
    arguments = record.method.arguments
    base, losses = arguments.get("base"), arguments.get("losses")
    if not (isinstance(base, str) and isinstance(losses, list) and losses and all(isinstance(x, str) for x in losses)):
        own = not_default(arguments, sources.defaults(record.method.name))
        return Setting(record.method.name, own, None, (), record.text_encoder, frozenset())
    arguments = sources.meant(record.method.name, arguments)
    guide = sources.class_name(record.method.name) or record.method.name.removesuffix(f"-{'-'.join(losses)}")
    defaults = sources.defaults(base)
    passed = {name: arguments[name] for name in PASSED_ON if arguments.get(name) is not None}
    if defaults is not None:
        passed = {name: value for name, value in passed.items() if name in defaults}
    others = {name: value for name, value in arguments.items() if name not in ("base", "losses", *PASSED_ON)}
    return Setting(
        base,
        not_default(passed, defaults),
        guide,
        pairs(others),
        record.text_encoder,
        frozenset(losses),
    )


def not_default(arguments: Mapping[str, Any], defaults: Mapping[str, Any] | None) -> Pairs:
    """The arguments that are not a method's defaults; all of them where these are not known."""
    known = dict(pairs(defaults or {}))
    return tuple((name, value) for name, value in pairs(arguments) if value != known.get(name))


def pairs(arguments: Mapping[str, Any]) -> Pairs:
    """Arguments in one order and one spelling: 1.0 is 1, a tuple is a list."""
    return tuple((name, json.dumps(_spelled(value), sort_keys=True)) for name, value in sorted(arguments.items()))


def _spelled(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list | tuple):
        return [_spelled(item) for item in value]
    if isinstance(value, dict):
        return {name: _spelled(item) for name, item in value.items()}
    return value
