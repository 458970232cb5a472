"""Variance components: what of a value's noise comes of the task's own fit, of the training, of the images."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


class Fit(NamedTuple):
    """One value of a metric: the seed of its training, the seed of the task on that training's codes, the value."""

    training: int
    head: int
    value: float


@dataclass(frozen=True)
class Components:
    """Standard deviations of one value of one method, in the metric's unit; None where the fits do not say.

    head: between fits with other head seeds on the same codes. training: what other trainings add to that.
    total: between values of other trainings, each with a fit of its own: what one value is uncertain by.
    head_freedom, total_freedom: how many differences these rest on that are free of each other.
    """

    head: float | None
    training: float | None
    total: float | None
    head_freedom: int
    total_freedom: int


@dataclass
class _Pairs:
    """Half the mean squared difference of pairs of values is their variance."""

    halves: float = 0.0
    count: int = 0

    def add(self, difference: float) -> None:
        self.halves += difference**2 / 2
        self.count += 1

    @property
    def variance(self) -> float | None:
        return self.halves / self.count if self.count else None


def components(methods: Iterable[Sequence[Fit]]) -> Components:
    """Estimate the components from the fits of several methods, whose variances are taken to be alike.

    The model is y = method + training + head seed + rest. The effect of a head seed is shared by all fits with it,
    since they have the same start and the same batches. Within a method, half the mean squared difference of two fits
    estimates without bias: head seed + rest, for fits on the same codes; training + head seed + rest, for fits that
    share neither seed; training + rest, for fits of two trainings with the same head seed. These are the symmetric sums
    of Koch (A general approach to the estimation of variance components, Technometrics 9, 1967, and 10, 1968), which
    need no balance; where every training has every head seed they are the estimates of the analysis of variance.

    `total` comes of pairs that share neither seed, or, if there are none, of those with the same head seed, which lack
    the part that a head seed has in common. `training` is the difference of total and head, 0 where that is negative;
    then total is set to head.

    Args:
        methods: the fits of each method, each pair of seeds at most once.
    """
    same_codes, same_head, neither = _Pairs(), _Pairs(), _Pairs()
    head_freedom = total_freedom = 0
    for fits in methods:
        trainings = {fit.training for fit in fits}
        head_freedom += len(fits) - len(trainings)
        total_freedom += max(0, len(trainings) - 1)
        for one, other in itertools.combinations(fits, 2):
            pairs = same_codes if one.training == other.training else same_head if one.head == other.head else neither
            pairs.add(one.value - other.value)
    head = same_codes.variance
    total = neither.variance if neither.count else same_head.variance
    training = None
    if head is not None and total is not None:
        training, total = max(0.0, total - head), max(total, head)
    return Components(_root(head), _root(training), _root(total), head_freedom, total_freedom)


class ImageErrors(NamedTuple):
    """Standard errors that come of the choice of test images.

    value: of one method's value. difference: of the difference of two methods on the same images.
    images: how many images (clusters of examples) they rest on.
    """

    value: float
    difference: float
    images: int


def image_errors(scores: Sequence[np.ndarray], clusters: np.ndarray | None = None) -> ImageErrors | None:
    """Root mean squares, over methods and over pairs of methods, of the standard errors over images.

    Each is Miller 2024 (arXiv 2411.00640), eq. 4, times G / (G - 1) for G images. Where there is one method, nothing is
    known of how alike two are on an image, and they are taken to have nothing in common.

    Args:
        scores: of each method, on the same examples, [n].
        clusters: ids [n] of the examples' images; None where each is an image of its own.

    Returns:
        None where there are not two images.
    """
    if not scores:
        return None
    deviations: list[np.ndarray] = [values - np.mean(values, dtype=np.float64) for values in scores]
    if clusters is not None:
        number = np.unique(clusters, return_inverse=True)[1]
        deviations = [np.bincount(number, values) for values in deviations]
    sums = np.stack(deviations)  # [methods, G]
    count, images = sums.shape
    if images < 2:
        return None
    factor = images / (images - 1) / len(scores[0]) ** 2
    value = factor * float(np.square(sums).sum(1).mean())
    if count == 1:
        return ImageErrors(math.sqrt(value), math.sqrt(2 * value), images)
    # the mean over pairs of |a - b|^2 is 2 / (count - 1) times the sum of squared distances to the mean
    difference = factor * 2 / (count - 1) * float(np.square(sums - sums.mean(0)).sum())
    return ImageErrors(math.sqrt(value), math.sqrt(difference), images)


def _root(variance: float | None) -> float | None:
    return None if variance is None else math.sqrt(variance)
