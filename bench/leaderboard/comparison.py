"""One metric of several methods: each value with its interval, differences to a base, and what may be the best."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from bench.statistics import marks, shares, two_way
from bench.statistics.effect import Effect
from bench.statistics.trainings import Trainings

Over = Literal["trainings and images", "trainings", "images"]

NEAR = 0.05
"""A share this near to 0 or 1 gets Wilson's interval: a symmetric one would reach beyond, or have no width."""

DUST = 1e-9
"""A standard error below this share of the value is rounding: the value is a constant."""


@dataclass(frozen=True)
class TableValue:
    """What a table shows of a method and a metric.

    mean: over trainings. low, high: ends of the 95 % interval, None where nothing can be said. over: what the interval
    is about: with one training it is about other images only. n: examples behind the value; where trainings differ,
    the fewest. seeds: how many trainings. best: whether this may be the best of its column, see `compare`.
    """

    mean: float
    low: float | None
    high: float | None
    over: Over | None
    n: int
    seeds: int
    best: bool = False

    @property
    def half_width(self) -> float | None:
        """Half of the interval, None where there is none or where it is longer on one side."""
        if self.low is None or self.high is None:
            return None
        above, below = self.high - self.mean, self.mean - self.low
        return above if math.isclose(above, below, rel_tol=1e-6, abs_tol=1e-12) else None


class Standing(NamedTuple):
    """How a method stands among those it competes with.

    best: whether it may be the best. rank: the first and last rank it may have, simultaneously with all others; None
    where no method has two trainings, so that nothing can be told.
    """

    best: bool
    rank: tuple[int, int] | None


def plain(value: float) -> TableValue:
    """A number without an interval that is no mean over trainings, such as a cost."""
    return TableValue(value, None, None, None, 0, 0)


def table_value(trainings: Trainings | None) -> TableValue | None:
    """A method's value of a metric with its 95 % interval; None where it has none.

    A constant has no interval, and a share of which nothing was ever seen otherwise has the rule of three's.
    """
    if trainings is None:
        return None
    found, seeds = two_way.mean(trainings), len(trainings.seeds)
    share = shares.interval_of(trainings, found, NEAR)
    if share is not None:
        low, high = share
    elif DUST * abs(found.estimate) < found.error < math.inf:
        half = found.half_width()
        low, high = found.estimate - half, found.estimate + half
    else:
        return TableValue(found.estimate, None, None, None, trainings.n, seeds)
    return TableValue(found.estimate, low, high, _over(found), trainings.n, seeds)


def against(trainings: Trainings | None, base: Trainings | None) -> Effect | None:
    """The difference of a method to its base; None where one of them has no value, or nothing is known of noise."""
    if trainings is None or base is None:
        return None
    return two_way.difference(trainings, base)


def compare(tables: Sequence[Trainings], higher_is_better: bool) -> list[Standing]:
    """Which methods may be the best, at 5 % for all together (Hsu's comparison with the best), and which ranks each
    may have (Tukey-Kramer). Where there are not two methods nothing is said.
    """
    if len(tables) < 2:
        return [Standing(False, None) for _ in tables]
    found = marks.standings(tables, higher_is_better)
    return [Standing(False, None)] * len(tables) if found is None else [Standing(*one) for one in found]


def _over(found: Effect) -> Over:
    if found.training is None:
        return "images"
    return "trainings" if found.images is None else "trainings and images"
