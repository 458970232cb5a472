"""Degrees of freedom of joined parts: the coverage that they give, by quadrature over the estimates of the parts."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats

from bench.statistics.parts import Part, both, effect_of

GRID = (np.arange(60) + 0.5) / 60
"""Quantiles of the estimate of one side."""


def coverage(freedoms: tuple[int, int], images: float, shared: float = 0.0) -> float:
    """Of an estimate of variance 1, whose sides vary alike for each training; what is known of images is exact.

    Args:
        images, shared: shares of the variance; the latter is in both parts.
    """
    estimates = [scipy.stats.chi2.ppf(GRID, freedom) / freedom for freedom in freedoms]
    truths = np.array([1 / (freedom + 1) for freedom in freedoms])
    truths *= (1 - images) / truths.sum()
    reached = []
    for one in estimates[0]:
        for other in estimates[1]:
            trainings = both(Part(truths[0] * one, freedoms[0]), Part(truths[1] * other, freedoms[1]))
            effect = effect_of(0.0, trainings, Part(images + shared, math.inf), shared)
            assert effect is not None
            reached.append(effect.half_width())
    return float(np.mean(2 * scipy.stats.norm.cdf(reached) - 1))


@pytest.mark.parametrize("freedoms", [(1, 1), (2, 2), (4, 4), (1, 2), (2, 4), (1, 4)])
@pytest.mark.parametrize("images", [0.0, 0.1, 0.5, 0.9])
def test_intervals_of_two_sides_cover(freedoms: tuple[int, int], images: float) -> None:
    assert 0.937 < coverage(freedoms, images) < 0.972


def test_what_both_parts_hold_counts_once() -> None:
    assert coverage((2, 2), 0.85, shared=0.1) == pytest.approx(0.96, abs=0.01)


@pytest.mark.parametrize("freedom", [1, 2, 4, 8])
@pytest.mark.parametrize("images", [0.02, 0.1, 0.3, 0.6, 0.9])
def test_intervals_of_one_side_cover(freedom: int, images: float) -> None:
    reached = []
    for estimate in scipy.stats.chi2.ppf((np.arange(4000) + 0.5) / 4000, freedom) / freedom:
        effect = effect_of(0.0, Part((1 - images) * estimate, freedom), Part(images, math.inf))
        assert effect is not None
        reached.append(effect.half_width())
    covered = np.mean(2 * scipy.stats.norm.cdf(reached) - 1)
    assert (0.93 if freedom == 1 else 0.94) < covered < (0.968 if freedom == 1 else 0.96)


def test_many_degrees_of_freedom_are_satterthwaites() -> None:
    assert both(Part(2.0, 40), Part(1.0, 40)).freedom == pytest.approx(3**2 / (2**2 / 40 + 1**2 / 40), rel=0.03)


def test_one_side_alone_keeps_its_freedom() -> None:
    assert both(Part(2.0, 3), Part(0.0, 9)) == Part(2.0, pytest.approx(3))
    assert both(Part(2.0, math.inf), Part(1.0, math.inf)) == Part(3.0, math.inf)
    assert both(Part(0.0, 1), Part(0.0, 2)) == Part(0.0, 3)


def test_without_images_or_trainings_the_other_part_is_all() -> None:
    only = effect_of(1.0, Part(4.0, 3), None)
    assert only is not None
    assert (only.error, only.freedom, only.training, only.images) == (2, 3, 2, None)
    only = effect_of(1.0, None, Part(4.0, 99))
    assert only is not None
    assert (only.error, only.freedom, only.training, only.images) == (2, 99, None, 2)
    assert effect_of(1.0, None, None) is None
