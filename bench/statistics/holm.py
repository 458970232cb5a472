"""Several questions asked of the same data."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TypeVar

T = TypeVar("T", bound=Hashable)


def holm(p_values: Mapping[T, float]) -> dict[T, float]:
    """Holm's step-down adjustment (Scandinavian Journal of Statistics 6, 1979); compare the result with alpha."""
    adjusted: dict[T, float] = {}
    highest = 0.0
    for position, name in enumerate(sorted(p_values, key=lambda name: p_values[name])):
        highest = max(highest, min(1.0, (len(p_values) - position) * p_values[name]))
        adjusted[name] = highest
    return adjusted
