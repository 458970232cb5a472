"""Intervals cover the truth, whatever varies most. `benchmarks/coverage.py` does the same with more rounds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from helpers.made_trainings import REGIMES, methods

from bench.statistics.effect import Effect
from bench.statistics.two_way import difference, mean

ROUNDS = 1500
SLACK = 3 * math.sqrt(0.95 * 0.05 / ROUNDS)
"""Three standard errors of a coverage of 95 %."""


@pytest.mark.parametrize("regime", REGIMES)
@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_intervals_cover(regime: str, seeds: int) -> None:
    generator = np.random.default_rng(seeds)
    covered = np.zeros(2)
    for _ in range(ROUNDS):
        a, b = methods(generator, REGIMES[regime], [range(seeds), range(seeds)])
        for i, effect in enumerate((difference(a, b), mean(a))):
            assert isinstance(effect, Effect)
            covered[i] += abs(effect.estimate) <= effect.half_width()
    assert np.all(covered / ROUNDS > 0.93 - SLACK), covered / ROUNDS
    assert np.all(covered / ROUNDS < 0.97 + SLACK), covered / ROUNDS


@pytest.mark.parametrize(("one", "other"), [(2, 5), (3, 5)])
def test_intervals_cover_with_unequal_numbers_of_trainings(one: int, other: int) -> None:
    generator = np.random.default_rng(one)
    covered = 0
    for _ in range(ROUNDS):
        effect = difference(*methods(generator, REGIMES["mixed"], [range(one), range(10, 10 + other)]))
        assert effect is not None
        covered += abs(effect.estimate) <= effect.half_width()
    assert 0.93 - SLACK < covered / ROUNDS < 0.97 + SLACK


def test_a_difference_as_large_as_the_margin_is_seldom_shown_to_be_smaller() -> None:
    generator, margin = np.random.default_rng(0), 6.0
    shown = 0
    for _ in range(ROUNDS):
        found = difference(*methods(generator, REGIMES["mixed"], [range(3), range(3)]))
        assert found is not None
        at_margin = Effect(found.estimate + margin, found.error, found.freedom, found.training, found.images)
        shown += at_margin.within(margin)
    assert shown / ROUNDS < 0.05 + SLACK
