"""Quantiles for comparisons of several methods at once, by quadrature.

scipy.stats.studentized_range takes seconds for many groups, and scipy.stats.multivariate_t draws at random.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import numpy as np

from bench.statistics.effect import LEVEL

PRECISION = 1e-9
"""Relative, of a quantile, and of its level."""
REACH = 9.0
"""Of the normal distribution, what lies further out is left out."""
STEPS = 121
"""Of a grid over the normal distribution."""
SCALES = 96
"""Of a grid over the logarithm of the standard deviation."""
TAIL = 1e-7
"""Of its distribution, what is left out at each end."""


@functools.cache
def of_range(groups: int, freedom: float) -> float:
    """How many standard errors apart the two most distant of equal groups are at most in 95 % of cases.

    Studentized range over sqrt 2 (Tukey 1953; Kramer, Biometrics 12, 1956), so that it multiplies the standard error of
    a difference of two. For 2 groups it is the two-sided t quantile.
    """
    grid, density = _normal()

    def below(reached: np.ndarray) -> np.ndarray:
        from scipy.special import ndtr

        between = ndtr(grid) - ndtr(grid - math.sqrt(2) * reached[:, None])
        return np.asarray(groups * (between ** (groups - 1) @ density))

    return _quantile(below, freedom)


@functools.cache
def of_best(others: int, freedom: float, correlation: float) -> float:
    """How many standard errors the best of equal others is ahead of one at most in 95 % of cases.

    One-sided quantile of Dunnett (Journal of the American Statistical Association 50, 1955) for equal correlations of
    the differences. For 1 other it is the one-sided t quantile.
    """
    grid, density = _normal()

    def below(reached: np.ndarray) -> np.ndarray:
        from scipy.special import ndtr

        ahead = ndtr((reached[:, None] + math.sqrt(correlation) * grid) / math.sqrt(1 - correlation))
        return np.asarray(ahead**others @ density)

    return _quantile(below, freedom)


def _quantile(below: Callable[[np.ndarray], np.ndarray], freedom: float) -> float:
    """Where the mean of below(quantile * s) is 95 %, over s with freedom * s^2 ~ chi^2; below: for normal values.

    False position with the Illinois rule (Dowell & Jarratt, BIT 11, 1971), since importing scipy.optimize takes longer
    than a leaderboard.
    """
    scales, weights = _scales(freedom)

    def left(quantile: float) -> float:
        return float(weights @ below(quantile * scales)) - LEVEL

    before, now = 0.0, 4.0
    at_before, at_now = left(before), left(now)
    while at_now < 0:
        before, at_before, now = now, at_now, 2 * now
        at_now = left(now)
    while abs(at_now) > PRECISION and abs(now - before) > PRECISION * now:
        step = now - at_now * (now - before) / (at_now - at_before)
        at_step = left(step)
        if at_step * at_now < 0:
            before, at_before = now, at_now
        else:
            at_before /= 2
        now, at_now = step, at_step
    return now


def _normal() -> tuple[np.ndarray, np.ndarray]:
    """Grid and weights: the trapezoidal rule converges faster than any power for a smooth function with such tails."""
    grid = np.linspace(-REACH, REACH, STEPS)
    return grid, np.exp(-np.square(grid) / 2) * (grid[1] - grid[0]) / math.sqrt(2 * math.pi)


def _scales(freedom: float) -> tuple[np.ndarray, np.ndarray]:
    """The same over the logarithm of the scale, whose density is proportional to s^freedom exp(-freedom s^2 / 2)."""
    from scipy.special import gammaincinv

    if math.isinf(freedom):
        return np.ones(1), np.ones(1)
    low, high = np.log(gammaincinv(freedom / 2, [TAIL, 1 - TAIL]) * 2 / freedom) / 2
    grid = np.linspace(low, high, SCALES)
    density = np.exp(freedom * (grid - np.expm1(2 * grid) / 2))
    return np.exp(grid), density / density.sum()
