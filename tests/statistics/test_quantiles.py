"""Quantiles for many methods at once, against scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats

from bench.statistics.quantiles import of_best, of_range


@pytest.mark.parametrize("freedom", [1, 2, 8, 40, 1.7])
@pytest.mark.parametrize("groups", [2, 5, 20])
def test_range_is_scipys(groups: int, freedom: float) -> None:
    theirs = scipy.stats.studentized_range.ppf(0.95, groups, freedom) / math.sqrt(2)
    assert of_range(groups, freedom) == pytest.approx(theirs, rel=5e-6)


@pytest.mark.parametrize(("groups", "freedom"), [(200, 3), (4000, 16), (4000, 20000)])
def test_range_of_many_is_scipys(groups: int, freedom: int) -> None:
    reached = of_range(groups, freedom) * math.sqrt(2)
    assert scipy.stats.studentized_range.cdf(reached, groups, freedom) == pytest.approx(0.95, abs=1e-5)


@pytest.mark.parametrize(("others", "freedom", "correlation"), [(2, 3, 0.5), (4, 8, 0.5), (9, 30, 0.25)])
def test_best_is_the_multivariate_t(others: int, freedom: int, correlation: float) -> None:
    shape = np.full((others, others), correlation) + np.eye(others) * (1 - correlation)
    reached = np.full(others, of_best(others, freedom, correlation))
    found = scipy.stats.multivariate_t.cdf(reached, shape=shape, df=freedom, random_state=0, maxpts=400_000)
    assert found == pytest.approx(0.95, abs=2e-4)


def test_best_is_dunnetts_table() -> None:
    # Dunnett 1955, table 1a: one-sided, 95 %
    assert of_best(3, 10, 0.5) == pytest.approx(2.34, abs=0.005)
    assert of_best(9, 20, 0.5) == pytest.approx(2.60, abs=0.05)
    assert of_best(2, math.inf, 0.5) == pytest.approx(1.92, abs=0.005)


def test_of_two_they_are_students() -> None:
    for freedom in (1, 2.5, 17):
        assert of_range(2, freedom) == pytest.approx(scipy.stats.t.ppf(0.975, freedom), rel=5e-6)
        assert of_best(1, freedom, 0.5) == pytest.approx(scipy.stats.t.ppf(0.95, freedom), rel=5e-6)
