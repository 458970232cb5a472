"""Statistics against scipy, exact enumeration and hand calculations."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from bench.leaderboard import statistics


def test_seed_interval_is_scipys_t_interval() -> None:
    values = [0.61, 0.64, 0.66]
    low, high = scipy.stats.t.interval(0.95, df=2, loc=np.mean(values), scale=scipy.stats.sem(values))
    estimate = statistics.over_seeds(values)
    assert estimate.n == 3
    assert estimate.half_width is not None
    assert (estimate.mean - estimate.half_width, estimate.mean + estimate.half_width) == pytest.approx((low, high))


def test_one_seed_says_nothing_about_seeds() -> None:
    assert statistics.over_seeds([0.5]) == statistics.Estimate(0.5, None, 1)


def test_example_interval_is_scipys() -> None:
    values = np.random.default_rng(0).normal(size=50)
    low, high = scipy.stats.t.interval(0.95, df=49, loc=values.mean(), scale=scipy.stats.sem(values))
    estimate = statistics.over_examples(values)
    assert estimate.half_width is not None
    assert (estimate.mean - estimate.half_width, estimate.mean + estimate.half_width) == pytest.approx((low, high))


def test_clustered_error_follows_the_formula() -> None:
    generator = np.random.default_rng(1)
    values, clusters = generator.normal(size=60), generator.integers(0, 9, size=60)
    centred = values - values.mean()
    double_sum = sum(
        centred[i] * centred[j] for i in range(60) for j in range(60) if clusters[i] == clusters[j]
    )  # Miller's equation writes the cross terms out
    count = len(set(clusters.tolist()))
    assert statistics.standard_error(values, clusters) == pytest.approx(
        math.sqrt(double_sum * count / (count - 1)) / 60
    )


def test_clusters_of_one_change_nothing_and_copies_add_nothing() -> None:
    values = np.random.default_rng(2).normal(size=40)
    assert statistics.standard_error(values, np.arange(40)) == pytest.approx(scipy.stats.sem(values))
    copied = statistics.standard_error(np.repeat(values, 5), np.repeat(np.arange(40), 5))
    assert copied == pytest.approx(scipy.stats.sem(values))


def test_paired_is_scipys_paired_t_test() -> None:
    generator = np.random.default_rng(3)
    a = generator.normal(size=30)
    b = a + generator.normal(0.2, 0.5, size=30)
    reference = scipy.stats.ttest_rel(a, b)
    paired = statistics.paired(a, b)
    assert paired.p == pytest.approx(reference.pvalue)
    interval = reference.confidence_interval(0.95)
    assert (paired.difference - paired.half_width, paired.difference + paired.half_width) == pytest.approx(
        (interval.low, interval.high)
    )


def test_equal_scores_are_no_difference_and_a_constant_one_is_certain() -> None:
    ones = np.ones(5)
    assert statistics.paired(ones, ones) == statistics.Paired(0.0, 0.0, 1.0)
    assert statistics.paired(2 * ones, ones) == statistics.Paired(1.0, 0.0, 0.0)


def test_holm_by_hand() -> None:
    # sorted 0.01, 0.03, 0.04 of 4 with 0.005 first: 4 x 0.005, 3 x 0.01, 2 x 0.03, then not below what came before
    assert statistics.holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005}) == pytest.approx(
        {"d": 0.02, "a": 0.03, "c": 0.06, "b": 0.06}
    )
    assert statistics.holm({"a": 0.9, "b": 0.8}) == {"b": 1.0, "a": 1.0}
    assert statistics.holm({}) == {}


def test_ranks_share_ties_and_keep_gaps() -> None:
    values = pd.DataFrame({"vqa": [0.5, None, 0.7, 0.5], "captioning": [0.5, 0.2, 0.3, 0.9]})
    ranks = statistics.ranks(values, [True, False])
    assert ranks["vqa"].dropna().to_dict() == {0: 2.5, 2: 1.0, 3: 2.5}
    assert ranks["captioning"].tolist() == [3.0, 1.0, 2.0, 4.0]


def test_mean_rank_wants_every_task() -> None:
    means = statistics.mean_rank(pd.DataFrame([[1.0, 2.0], [1.0, None]]))
    assert means[0] == 1.5
    assert np.isnan(means[1])
    assert np.isnan(statistics.mean_rank(pd.DataFrame(index=["no task"]))["no task"])
