"""One method's value, or the difference of two, over trainings and test images at once.

What image i gives in training s is mean + training s + image i + what they have together. A value for other trainings
and other images is uncertain by all three; seeds add to the trainings alone, so that no number of them makes it surer
than the images allow.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from bench.statistics.effect import Effect
from bench.statistics.few_clusters import FEW, of_sums
from bench.statistics.parts import Part, both, effect_of
from bench.statistics.trainings import Trainings

ROUNDING = 1e-12
"""Share of the values."""


class ImagePart(NamedTuple):
    """variance: of a mean over images. shared: how much of it comes of single trainings too, and is in their part."""

    part: Part
    shared: float


def mean(a: Trainings) -> Effect:
    """A method's value with its uncertainty over trainings and images; infinite for one training without known images.

    The variance is s2(a) / S + s2(z) / I - r2 / (S I), for a the values of trainings, z the means of images over
    trainings and r2 the residual mean square of the two-way table (Searle, Casella & McCulloch, Variance Components,
    1992, section 4.4); see `effect_of` for the degrees of freedom.
    """
    images = _alone(a)
    found = effect_of(a.mean, _of_trainings(a), images and images.part, images.shared if images else 0.0)
    return found or Effect(a.mean, math.inf, math.inf, None, None)


def difference(a: Trainings, b: Trainings) -> Effect | None:
    """a - b with its uncertainty; None where one training on some side and no known images leave nothing to say.

    They need no common seed: trainings are taken to be independent, which is too careful where seeds are shared.
    Images count once where both have scores of the same ones. The variance is s2(a) / S_A + s2(b) / S_B + s2(z) / I -
    r2_A / (S_A I) - r2_B / (S_B I) for z the differences of the images' means, as in `mean`. Without scores of the same
    images the errors of both sides add up; a side of which none is known is taken to be like the other.
    """
    sides = _of_trainings(a), _of_trainings(b)
    trainings = None if sides[0] is None or sides[1] is None else both(sides[0], sides[1])
    images = _together(a, b)
    return effect_of(a.mean - b.mean, trainings, images and images.part, images.shared if images else 0.0)


def residual(a: Trainings) -> float:
    """Residual mean square of the two-way table [S, I], 0 for one training: its rows and columns explain all."""
    if a.images is None or len(a.images) < 2:
        return 0.0
    left = a.images - a.of_images - a.images.mean(1, keepdims=True) + a.images.mean()
    return float(np.square(left).sum()) / ((left.shape[0] - 1) * (left.shape[1] - 1))


def of_images(values: np.ndarray, sizes: np.ndarray | None) -> Part:
    """Variance of the mean of independent images' values [I], which may have unequal numbers of examples [I]."""
    if sizes is not None and len(values) < FEW:
        return of_sums((values - values.mean()) * (float(sizes.sum()) / len(values)), sizes)
    return Part(_variance(values) / len(values), len(values) - 1)


def error_of(a: Trainings) -> float | None:
    """Standard error of a method's value over images, None where unknown."""
    return a.error if a.images is None else math.sqrt(of_images(a.of_images, a.sizes).variance)


def _of_trainings(a: Trainings) -> Part | None:
    count = len(a.values)
    if count < 2:
        return None
    mean = a.mean
    squares = math.fsum([(value - mean) * (value - mean) for value in a.values.tolist()])
    return Part(squares / (count - 1) / count, count - 1)


def _variance(values: np.ndarray) -> float:
    """Of the sample; 0 where the values differ by rounding only, which is another on each machine."""
    return 0.0 if np.ptp(values) <= ROUNDING * np.abs(values).max() else float(np.var(values, ddof=1))


def _alone(a: Trainings) -> ImagePart | None:
    if a.images is not None:
        return ImagePart(of_images(a.of_images, a.sizes), residual(a) / a.images.size)
    return None if a.error is None else ImagePart(Part(a.error * a.error, math.inf), 0.0)


def _together(a: Trainings, b: Trainings) -> ImagePart | None:
    one, other = _alone(a), _alone(b)
    if one is None or other is None:
        known = one or other
        return known and ImagePart(both(known.part, known.part), 2 * known.shared)
    shared = one.shared + other.shared
    if a.images is None or b.images is None or a.layout != b.layout:
        return ImagePart(both(one.part, other.part), shared)
    return ImagePart(of_images(a.of_images - b.of_images, a.sizes), shared)
