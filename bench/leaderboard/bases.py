"""What each method is compared with."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from collections.abc import Set as AbstractSet

from bench.effects.settings import Setting, setting_of
from bench.effects.sources import Sources
from bench.records.record import Record

REFERENCE = "vqgan"
"""What methods are compared with that wrap no other: most have its network, losses and discriminator, and a quantizer
of their own."""


def bases(methods: Mapping[Hashable, Record], controls: AbstractSet[Hashable]) -> dict[Hashable, Hashable]:
    """The row that each row is compared with, where there is one: what a method wraps, with the same arguments.

    A base with arguments of its own is compared with the same method as it is by default, all others with the
    reference as it is by default; controls too.

    Args:
        methods: a record of each row.
        controls: rows that are no base of any.
    """
    sources = Sources()
    settings = {method: setting_of(record, sources) for method, record in methods.items()}
    alone = {
        (setting.base, setting.base_arguments): method
        for method, setting in settings.items()
        if setting.guide is None and method not in controls
    }
    found = {method: _base(setting, alone) for method, setting in settings.items()}
    return {method: base for method, base in found.items() if base is not None and base != method}


def _base(setting: Setting, alone: Mapping[tuple[str, tuple[tuple[str, str], ...]], Hashable]) -> Hashable | None:
    if setting.guide is not None:
        return alone.get((setting.base, setting.base_arguments))
    own = alone.get((setting.base, ()))
    return own if own is not None and setting.base_arguments else alone.get((REFERENCE, ()))
