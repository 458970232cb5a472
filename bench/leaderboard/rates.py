"""What codes cost: methods compete only where they spend equal bits on an image."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from bench.records.record import Record

BITS, TOKENS, POSITIONS = "bits_per_position", "tokens_per_image", "positions_per_image"
"""Costs of a record whose method has codes."""

T = TypeVar("T", bound=Hashable)


@dataclass(frozen=True)
class Rate:
    """bits: at each position of the code grid, nominal: log2 K, times the number of residual levels.

    tokens: codes an image; residual levels count each. positions: of the code grid.
    """

    bits: float
    tokens: int
    positions: int

    @property
    def of_image(self) -> float:
        """Nominal bits an image."""
        return round(self.bits * self.positions, 6)


def rate_of(records: Iterable[Record]) -> Rate | None:
    """The rate that a method's records state; None where none does, as of a method without codes."""
    for record in records:
        if record.cost.keys() >= {BITS, TOKENS, POSITIONS}:
            return Rate(record.cost[BITS], int(record.cost[TOKENS]), int(record.cost[POSITIONS]))
    return None


def classes(rates: Mapping[T, Rate | None]) -> list[list[T]]:
    """Methods by equal bits an image, the largest class first, of equally large ones that with fewer bits.

    Methods of unknown rate are a class of their own.
    """
    found: dict[float | None, list[T]] = {}
    for method, rate in rates.items():
        found.setdefault(None if rate is None else rate.of_image, []).append(method)
    in_order = sorted(found, key=lambda bits: (-len(found[bits]), math.inf if bits is None else bits))
    return [found[bits] for bits in in_order]


def apart(rates: Sequence[tuple[str, Rate | None]]) -> str:
    """A sentence that names the methods which compete apart, given labels and rates; empty where there are none."""
    first, *others = classes(dict(rates)) or [[]]
    if not others:
        return ""
    of = dict(rates)
    named = ", ".join(f"{label} ({_bits(of[label])})" for members in others for label in members)
    return (
        f"Methods compete only at equal bits an image, most at {_bits(of[first[0]])}; ranked and marked apart: {named}."
    )


def _bits(rate: Rate | None) -> str:
    return "unknown" if rate is None else f"{rate.of_image:,.0f}"
