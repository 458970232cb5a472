"""Shares near 0 and 1, against statsmodels."""

from __future__ import annotations

import math

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from bench.statistics.shares import interval_of, none_of, wilson
from bench.statistics.trainings import Trainings
from bench.statistics.two_way import mean


def of(images: np.ndarray) -> Trainings:
    return Trainings(tuple(range(len(images))), images.mean(1), images, "same", None, images.shape[1])


def once(seen: int, n: int) -> Trainings:
    return of((np.arange(n) < seen)[None].astype(float))


@pytest.mark.parametrize(("seen", "n"), [(1, 20), (3, 2000), (1999, 2000), (50, 100)])
def test_interval_is_wilsons_of_independent_examples(seen: int, n: int) -> None:
    share = seen / n
    found = wilson(share, math.sqrt(share * (1 - share) / n))
    assert found == pytest.approx(proportion_confint(seen, n, method="wilson"))


def test_clusters_count_as_fewer_examples() -> None:
    twice = wilson(0.01, math.sqrt(2 * 0.01 * 0.99 / 2000))
    assert twice == pytest.approx(proportion_confint(10, 1000, method="wilson"))


def test_few_trainings_widen_it() -> None:
    low, high = wilson(0.01, 0.002, 2)
    assert low < wilson(0.01, 0.002)[0]
    assert high > wilson(0.01, 0.002)[1]


def test_none_of_n_is_the_rule_of_three() -> None:
    assert none_of(2000) == (0, 0.0015)
    assert none_of(2) == (0, 1)
    for n in (100, 2000):
        assert (1 - none_of(n)[1]) ** n == pytest.approx(0.05, rel=0.1)


def test_what_was_never_seen_has_an_interval_all_the_same() -> None:
    none, every = of(np.zeros((3, 500))), of(np.ones((3, 500)))
    assert interval_of(none, mean(none), 0.05) == (0, 0.006)
    assert interval_of(every, mean(every), 0.05) == (0.994, 1)


def test_rare_ones_have_wilsons() -> None:
    rare = once(3, 2000)
    found = interval_of(rare, mean(rare), 0.05)
    assert found == pytest.approx(proportion_confint(3, 2000, method="wilson"), rel=0.01)


def test_others_have_none() -> None:
    common, decibels = once(400, 2000), of(np.full((2, 30), 22.5) + np.arange(30))
    assert interval_of(common, mean(common), 0.05) is None
    assert interval_of(decibels, mean(decibels), 0.05) is None
    constant = of(np.full((2, 30), 0.02))
    assert interval_of(constant, mean(constant), 0.05) is None
    unknown = Trainings((0, 1), np.zeros(2), None, "", None, 30)
    assert interval_of(unknown, mean(unknown), 0.05) is None


@pytest.mark.parametrize("share", [0.001, 0.0015, 0.9995])
def test_intervals_cover_rare_shares(share: float) -> None:
    generator, rounds, n = np.random.default_rng(0), 4000, 2000
    covered = 0
    for seen in generator.binomial(n, share, size=rounds):
        one = once(int(seen), n)
        low, high = interval_of(one, mean(one), 0.05) or (0.0, 0.0)
        covered += low <= share <= high
    assert covered / rounds > 0.91  # where one or two are expected, Wilson's interval covers 92 to 98 %
