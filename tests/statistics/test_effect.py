"""Intervals, tests, equivalence and power of one estimate, against scipy and statsmodels."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from statsmodels.stats.power import tt_solve_power
from statsmodels.stats.weightstats import ttost_paired

from bench.statistics.effect import Effect


def of_sample(values: np.ndarray) -> Effect:
    return Effect(float(values.mean()), float(scipy.stats.sem(values)), len(values) - 1, None, None)


def test_interval_and_p_are_those_of_the_t_test() -> None:
    values = np.random.default_rng(0).normal(0.4, size=7)
    effect, theirs = of_sample(values), scipy.stats.ttest_1samp(values, 0)
    assert effect.p() == pytest.approx(theirs.pvalue)
    for level in (0.9, 0.95):
        low, high = theirs.confidence_interval(level)
        reached = effect.estimate - effect.half_width(level), effect.estimate + effect.half_width(level)
        assert reached == pytest.approx((low, high))


def test_infinite_freedom_is_normal() -> None:
    effect = Effect(1.0, 0.5, math.inf, None, 0.5)
    assert effect.half_width() == pytest.approx(0.5 * 1.959963984540054)
    assert effect.p() == pytest.approx(2 * scipy.stats.norm.sf(2))
    assert effect.findable() == pytest.approx(0.5 * (1.959963984540054 + 0.8416212335729143))


@pytest.mark.parametrize("margin", [0.3, 0.6, 1.2])
def test_equivalence_is_that_of_two_one_sided_tests(margin: float) -> None:
    values = np.random.default_rng(1).normal(0.1, 0.6, size=9)
    theirs = ttost_paired(values, np.zeros(9), -margin, margin)[0]
    assert of_sample(values).within(margin) == (theirs < 0.05)


def test_a_difference_at_the_margin_is_not_within_it() -> None:
    assert not Effect(1.0, 0.0, 3, 0.0, 0.0).within(1.0)
    assert Effect(0.99, 0.0, 3, 0.0, 0.0).within(1.0)


@pytest.mark.parametrize("n", [3, 5, 30])
@pytest.mark.parametrize("power", [0.8, 0.9])
def test_findable_has_the_power_of_statsmodels(n: int, power: float) -> None:
    size = tt_solve_power(nobs=n, alpha=0.05, power=power, alternative="two-sided")
    found = Effect(0.0, 1 / math.sqrt(n), n - 1, None, None).findable(power)
    assert found == pytest.approx(size, rel=2e-3)  # theirs counts the other tail too


def test_without_any_variation_it_is_zero_or_it_is_not() -> None:
    assert Effect(0.0, 0.0, 1, 0.0, None).p() == 1
    assert Effect(0.1, 0.0, 1, 0.0, None).p() == 0
    assert Effect(0.1, 0.0, 1, 0.0, None).half_width() == 0


def test_an_infinite_error_says_nothing() -> None:
    effect = Effect(0.5, math.inf, math.inf, None, None)
    assert (effect.half_width(), effect.p(), effect.within(100)) == (math.inf, 1.0, False)
