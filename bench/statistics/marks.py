"""Which methods may be the best, which are told apart, which rank each may have: at 5 % for all of them together.

The variance of trainings is pooled over methods: the own one of a pair is known from so few trainings that next to
nothing would be told apart. Methods with one training take part with the variance of the others; where no method has
two, nothing is marked.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from bench.statistics.quantiles import of_best, of_range
from bench.statistics.spreads import Spreads, spreads_of
from bench.statistics.trainings import Trainings

ROWS = 256
"""Methods compared with all others at a time."""
DUST = 1e-9
"""Differences below this share of the values are rounding."""


class Standing(NamedTuple):
    """best: whether a method may be the best. rank: the first and the last rank that it may have; 1 is best."""

    best: bool
    rank: tuple[int, int]


def standings(tables: Sequence[Trainings], higher_is_better: bool) -> list[Standing] | None:
    """Of each method, None where nothing can be told: of less than two, or if none has two trainings.

    A method may be the best if no other is ahead of it by more than Dunnett's one-sided quantile times the standard
    error of their difference (Hsu, Annals of Statistics 9, 1981: multiple comparisons with the best). Its rank lies
    between 1 + how many it is told apart from (Tukey-Kramer) and behind of, and k - how many it is ahead of.
    """
    spreads = spreads_of(tables) if len(tables) > 1 else None
    if spreads is None:
        return None
    values = _values(tables) * (1 if higher_is_better else -1)
    found = []
    for rows in _rows(len(tables)):
        ahead = values[None] - values[rows, None]
        best = ~(ahead > _reach(spreads, rows, values, _of_best(spreads))).any(1)
        apart = np.abs(ahead) > _reach(spreads, rows, values, functools.partial(of_range, len(tables)))
        first, last = 1 + (apart & (ahead > 0)).sum(1), len(tables) - (apart & (ahead < 0)).sum(1)
        found += [Standing(bool(one), (int(high), int(low))) for one, high, low in zip(best, first, last, strict=True)]
    return found


def _values(tables: Sequence[Trainings]) -> np.ndarray:
    return np.array([table.mean for table in tables])


def _rows(count: int) -> Iterator[slice]:
    return (slice(start, start + ROWS) for start in range(0, count, ROWS))


def _reach(spreads: Spreads, rows: slice, values: np.ndarray, quantile: Callable[[float], float]) -> np.ndarray:
    sizes = np.abs(values)
    return spreads.reach(rows, quantile) + DUST * np.maximum(sizes[rows, None], sizes[None])


def _of_best(spreads: Spreads) -> Callable[[float], float]:
    """Differences to one method are correlated by 1/2 or, with unequal numbers of trainings, by no less than this."""
    counts = spreads.counts
    correlation = 1 / (1 + counts.max() / counts.min())
    return lambda freedom: of_best(len(counts) - 1, freedom, float(correlation))
