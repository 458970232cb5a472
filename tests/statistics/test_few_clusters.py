"""Means over few images, against statsmodels, by definition and by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.linalg
import scipy.stats

from bench.statistics.few_clusters import clustered_mean
from bench.system.standard_error import of_mean


def test_equal_clusters_have_the_t_interval_of_their_means() -> None:
    values = np.random.default_rng(0).normal(size=(6, 5))
    effect = clustered_mean(values.ravel(), np.repeat(np.arange(6), 5))
    assert effect.error == pytest.approx(scipy.stats.sem(values.mean(1)))
    assert effect.freedom == pytest.approx(5)


def test_variance_is_bell_and_mccaffreys_by_matrices() -> None:
    generator = np.random.default_rng(1)
    clusters = np.repeat(np.arange(4), [1, 3, 5, 2])
    values = generator.normal(size=11)
    ones, left = np.ones((11, 1)), values - values.mean()
    variance = 0.0
    for g in range(4):
        rows = clusters == g
        hat = ones[rows] @ ones[rows].T / 11
        adjusted = scipy.linalg.inv(scipy.linalg.sqrtm(np.eye(rows.sum()) - hat)).real
        variance += float(ones[rows, 0] @ adjusted @ left[rows]) ** 2 / 11**2
    assert clustered_mean(values, clusters).error ** 2 == pytest.approx(variance)


def test_freedom_is_that_of_the_variance() -> None:
    generator = np.random.default_rng(2)
    clusters = np.repeat(np.arange(6), [1, 2, 3, 5, 9, 12])
    found = np.array([clustered_mean(generator.normal(size=6)[clusters], clusters).error ** 2 for _ in range(8000)])
    freedom = clustered_mean(generator.normal(size=6)[clusters], clusters).freedom
    assert 2 * found.mean() ** 2 / found.var() == pytest.approx(freedom, rel=0.1)
    assert freedom < 5


def test_many_clusters_have_the_usual_interval() -> None:
    generator = np.random.default_rng(3)
    clusters = generator.integers(0, 500, size=2000)
    values = generator.normal(size=2000) + generator.normal(size=500)[clusters]
    effect = clustered_mean(values, clusters)
    assert (effect.estimate, effect.error) == pytest.approx((values.mean(), of_mean(values, clusters)), rel=0.01)


def test_one_cluster_says_nothing() -> None:
    with pytest.raises(ValueError, match="one cluster"):
        clustered_mean(np.arange(4.0), np.zeros(4))


@pytest.mark.parametrize("count", [5, 10, 20])
@pytest.mark.parametrize("alike", [0.0, 0.5])
def test_intervals_cover_skewed_sums(count: int, alike: float) -> None:
    generator, rounds = np.random.default_rng(count), 2000
    covered = 0
    for _ in range(rounds):
        clusters = np.repeat(np.arange(count), generator.integers(1, 10, size=count))
        of_clusters = (generator.gamma(4, size=count) - 4) / 2
        of_examples = (generator.gamma(4, size=len(clusters)) - 4) / 2
        values = math.sqrt(alike) * of_clusters[clusters] + math.sqrt(1 - alike) * of_examples
        effect = clustered_mean(values, clusters)
        covered += abs(effect.estimate) <= effect.half_width()
    assert 0.93 < covered / rounds < 0.985
