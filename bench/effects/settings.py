"""What was trained, taken apart: the base, what is passed on to it, the losses around it and their switches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from bench.effects.pairs import Pairs, pairs
from bench.effects.sources import Sources
from bench.records.record import Record

PASSED_ON = ("codes", "init", "revive", "legacy")
"""Arguments that a method gives to the one that it wraps, where they are given and that one takes them."""


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
        own = not_default(arguments, sources.default_texts(record.method.name))
        return Setting(record.method.name, own, None, (), record.text_encoder, frozenset())
    arguments = sources.meant(record.method.name, arguments)
    guide = sources.class_name(record.method.name) or record.method.name.removesuffix(f"-{'-'.join(losses)}")
    defaults = sources.default_texts(base)
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


def not_default(arguments: Mapping[str, Any], defaults: Mapping[str, str] | None) -> Pairs:
    """The arguments that are not a method's defaults; all of them where these are not known."""
    known = defaults or {}
    return tuple(pair for pair in pairs(arguments) if pair[1] != known.get(pair[0]))
