"""One effect measured in several settings, such as bases and data sets, whose effects may differ."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.statistics.effect import LEVEL, Effect, quantile

STEPS = 100
"""Newton's steps at most; it takes about five."""
TOLERANCE = 1e-12
"""Of Q, which is near the number of settings."""


@dataclass(frozen=True)
class Pooled:
    """A random-effects mean over k settings.

    effect: the mean over settings like these, with the uncertainty that comes of their difference and of each; parts of
    trainings and images are not told apart. spread: standard deviation of the true effects. low, high: 95 % prediction
    interval, where the true effect in one more setting lies; None for two settings, which say too little. alike: p of
    "the effects are equal" (Cochran's Q, chi-squared). inconsistency: I^2, share of the effects' variance that is no
    noise. settings: k.
    """

    effect: Effect
    spread: float
    low: float | None
    high: float | None
    alike: float
    inconsistency: float
    settings: int


def pooled(effects: Sequence[Effect]) -> Pooled:
    """Pool effects of independent trainings.

    Paule & Mandel's variance between settings (Journal of Research of the National Bureau of Standards 87, 1982), the
    standard error and t distribution of Hartung & Knapp (Statistics in Medicine 20, 2001), and the prediction interval
    of Higgins, Thompson & Spiegelhalter (Journal of the Royal Statistical Society A 172, 2009), equation 12.

    Raises:
        ValueError: there are less than two, or one has no finite error above 0.
    """
    from scipy.special import chdtrc

    values, variances = (np.array([getattr(one, name) for one in effects]) for name in ("estimate", "error"))
    variances = variances**2
    count = len(effects)
    if count < 2 or not (np.isfinite(variances) & (variances > 0)).all():
        raise ValueError(f"{count} effects with errors {np.sqrt(variances)} cannot be pooled")
    same = _q(values, variances, 0.0)
    between = _between(values, variances)
    weights = 1 / (variances + between)
    mean = math.fsum(weights * values) / math.fsum(weights)
    error = math.sqrt(math.fsum(weights * (values - mean) ** 2) / (count - 1) / math.fsum(weights))
    low = high = None
    if count > 2:
        reach = quantile(count - 2, (1 + LEVEL) / 2) * math.sqrt(between + error**2)
        low, high = mean - reach, mean + reach
    return Pooled(
        Effect(mean, error, count - 1, None, None),
        math.sqrt(between),
        low,
        high,
        float(chdtrc(count - 1, same)),
        max(0.0, 1 - (count - 1) / same) if same else 0.0,
        count,
    )


def _between(values: np.ndarray, variances: np.ndarray) -> float:
    """Where Q is what it is on average, by Newton's steps from 0, where Q falls; 0 if it is below that there."""
    between = 0.0
    for _ in range(STEPS):
        surplus = _q(values, variances, between) - (len(values) - 1)
        if surplus < TOLERANCE:
            break
        weights = 1 / (variances + between)
        mean = math.fsum(weights * values) / math.fsum(weights)
        between += surplus / math.fsum(weights**2 * (values - mean) ** 2)
    return between


def _q(values: np.ndarray, variances: np.ndarray, between: float) -> float:
    weights = 1 / (variances + between)
    mean = math.fsum(weights * values) / math.fsum(weights)
    return math.fsum(weights * (values - mean) ** 2)
