"""Standard errors over images: of means, of examples that share an image, and by bootstrap."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from bench.system.standard_error import RESAMPLES, of_mean, of_resamples, resampled_sums


def scores(count: int = 400) -> np.ndarray:
    return np.random.default_rng(1).lognormal(size=count)


def test_of_examples_that_are_images_it_is_that_of_scipy() -> None:
    assert of_mean(scores()) == pytest.approx(float(stats.sem(scores())), rel=1e-12)
    assert of_mean(np.array([True, False])) == pytest.approx(0.5)
    assert of_mean(np.ones(5)) == 0


def test_of_examples_that_share_an_image_it_is_the_sandwich_of_least_squares() -> None:
    """Liang and Zeger's for a regression on a constant: residuals are summed by cluster before they are squared."""
    values, images = scores(), np.random.default_rng(2).integers(70, size=400)
    values = values + np.random.default_rng(3).normal(size=70)[images]
    design, residuals = np.ones((400, 1)), values - values.mean()
    parts = [design[images == image].T @ residuals[images == image] for image in np.unique(images)]
    meat, bread, groups = sum(np.outer(part, part) for part in parts), np.linalg.inv(design.T @ design), len(parts)
    expected = math.sqrt((bread @ meat @ bread).item() * groups / (groups - 1))
    found = of_mean(values, images)
    assert found == pytest.approx(expected, rel=1e-12)
    assert found > 1.5 * of_mean(values)
    one_each = np.random.default_rng(4).permutation(400)
    assert of_mean(values, one_each) == pytest.approx(of_mean(values), rel=1e-12)


def test_of_fewer_than_two_images_and_of_what_is_not_finite_there_is_none() -> None:
    assert of_mean(np.array([3.0])) is None
    assert of_mean(np.array([]).astype(float)) is None
    assert of_mean(np.array([3.0, 4.0]), np.array([7, 7])) is None
    for odd in (math.nan, math.inf):
        assert of_mean(np.array([3.0, odd, -math.inf])) is None
    assert resampled_sums(np.ones((1, 3))).shape == (0, 3)
    assert of_resamples(resampled_sums(np.ones((1, 3)))[:, 0]) is None
    assert of_resamples(np.array([1.0, math.nan, 2.0])) is None


def test_resamples_spread_as_the_sum_does_and_are_the_same_every_time() -> None:
    values = scores()
    sums = resampled_sums(np.stack([values, np.ones(400), np.arange(400)], 1))
    assert sums.shape == (RESAMPLES, 3)
    assert (sums[:, 1] == 400).all()
    assert of_resamples(sums[:, 0] / 400) == pytest.approx(float(stats.sem(values)), rel=0.07)
    assert np.array_equal(sums, resampled_sums(np.stack([values, np.ones(400), np.arange(400)], 1)))
    theirs = stats.bootstrap((values,), np.mean, n_resamples=1000, rng=np.random.default_rng(0)).standard_error
    assert of_resamples(sums[:, 0] / 400) == pytest.approx(float(theirs), rel=0.1)
