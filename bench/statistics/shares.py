"""Intervals of shares near 0 and 1, where a symmetric one would reach beyond, or have no width."""

from __future__ import annotations

import math

from bench.statistics.effect import LEVEL, Effect, quantile
from bench.statistics.trainings import Trainings

RULE_OF_THREE = 3.0
"""-ln(0.05): of n images without one, 95 % sure that less than 3 / n have it."""


def wilson(share: float, error: float, freedom: float = math.inf) -> tuple[float, float]:
    """95 % interval of a share whose standard error is known, clustered or not.

    Wilson's score interval (Journal of the American Statistical Association 22, 1927) of as many independent examples
    as have this error: n = share (1 - share) / error^2; with few degrees of freedom the t quantile.

    Args:
        share: above 0 and below 1. error: above 0.
    """
    squared = quantile(freedom, (1 + LEVEL) / 2) ** 2
    n = share * (1 - share) / error**2
    middle = (share + squared / (2 * n)) / (1 + squared / n)
    half = math.sqrt(squared * (share * (1 - share) / n + squared / (4 * n * n))) / (1 + squared / n)
    return max(0.0, middle - half), min(1.0, middle + half)


def none_of(n: int) -> tuple[float, float]:
    """95 % interval of a share of which no example was seen in n (Hanley & Lippman-Hand, JAMA 249, 1983)."""
    return 0.0, min(1.0, RULE_OF_THREE / n)


def interval_of(trainings: Trainings, found: Effect, near: float) -> tuple[float, float] | None:
    """Interval of a mean of numbers in [0, 1] that is 0, 1 or within `near` of it; None where it is none of these.

    That every image of every training gave 0, or 1, is one observation an image: trainings see the same ones. Without
    scores of images nothing is known to be a share.

    Args:
        found: the mean of these trainings.
    """
    images, share = trainings.images, found.estimate
    if images is None or not 0 <= share <= 1 or min(share, 1 - share) > near:
        return None
    if images.min() == images.max() and images.min() in (0.0, 1.0):
        low, high = none_of(images.shape[1])
        return (low, high) if share == 0 else (1 - high, 1 - low)
    if not 0 < share < 1 or not 0 < found.error < math.inf:
        return None
    return wilson(share, found.error, found.freedom)
