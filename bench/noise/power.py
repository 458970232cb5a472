"""The smallest difference of two methods that so many seeds can find."""

from __future__ import annotations

import functools
import math

from bench.noise.components import ImageErrors

ALPHA = 0.05
"""Of the two-sided test."""
POWER = 0.8
"""Chance that the test finds a difference of this size."""
SEEDS = (2, 3, 5, 10)
LARGEST = 30
"""Standard errors that are enough with 1 degree of freedom."""


def smallest_difference(total: float, images: ImageErrors | None, seeds: int) -> float | None:
    """The true difference that a two-sided t test at 5 % finds with 80 % power; in the metric's unit.

    Each method has `seeds` trainings with a fit each. Its mean has the variance total^2 / seeds, and their difference,
    on the same test images, the error of the images on top, so that it is about other images too. Degrees of freedom
    are Satterthwaite's (Biometrics Bulletin 2, 1946), from 2 (seeds - 1) and the images.

    Args:
        total: standard deviation of one value.
        images: None where the metric has no scores of single examples; then it is about these images alone.
        seeds: 2 or more; None for fewer.
    """
    if seeds < 2:
        return None
    parts = [(2 * total**2 / seeds, 2 * (seeds - 1))]
    if images is not None:
        parts.append((images.difference**2, images.images - 1))
    variance = math.fsum(part for part, _ in parts)
    if variance == 0:
        return 0.0
    freedom = variance**2 / math.fsum(part**2 / degrees for part, degrees in parts)
    return _noncentrality(freedom) * math.sqrt(variance)


@functools.cache
def _noncentrality(freedom: float) -> float:
    """How many standard errors a difference has to be for a power of 80 %: where the noncentral t distribution has 80 %
    beyond the test's upper bound. Beyond the lower one it then has less than 1e-4, which is left out.
    """
    from scipy.optimize import brentq
    from scipy.special import nctdtr, stdtrit

    bound = stdtrit(freedom, 1 - ALPHA / 2)
    return float(brentq(lambda noncentrality: 1 - nctdtr(freedom, noncentrality, bound) - POWER, 0, LARGEST))
