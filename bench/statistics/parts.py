"""Parts of a variance, joined to one standard error and degrees of freedom."""

from __future__ import annotations

import math
from typing import NamedTuple

from bench.statistics.effect import LEVEL, Effect, quantile

HALF, EARLIER, STEEPNESS = 0.6, 0.2, 3
"""Where the squared quantile is half way to that of trainings: at a share of 0.6 - 0.2 / freedom^2, see `effect_of`."""

EQUAL = 1e-9
"""Squared quantiles this near to the normal one, relative, are it."""


class Part(NamedTuple):
    """A part of an estimate's variance and the degrees of freedom that it is known with, math.inf allowed."""

    variance: float
    freedom: float


def both(one: Part, other: Part) -> Part:
    """The sum of the parts of two sides.

    Satterthwaite (Biometrics Bulletin 2, 1946) has 1 / freedom = sum of share^2 / freedom. With 1 degree of freedom on
    each side intervals then cover 97.7 %, and with 1 and 4 only 90 % if the first varies most. Here the exponent is
    1 + (m + 2) / M for m <= M degrees of freedom, near 2 where these are many and alike, and the result is at most
    their sum: by quadrature intervals of sides that are alike cover 95 to 97 % for 1, 2 and 4 degrees of freedom, those
    of unequal numbers of them 94 to 96 %, and 90 to 93 % where a side of 1 or 2 varies twenty times as much.
    """
    variance = one.variance + other.variance
    if variance == 0:
        return Part(0.0, one.freedom + other.freedom)
    fewer, more = sorted((one.freedom, other.freedom))
    exponent = 1 + (0 if math.isinf(more) else (fewer + 2) / more)
    inverse = sum((part.variance / variance) ** exponent / part.freedom for part in (one, other))
    return Part(variance, min(1 / inverse if inverse else math.inf, one.freedom + other.freedom))


def effect_of(estimate: float, trainings: Part | None, images: Part | None, shared: float = 0.0) -> Effect | None:
    """An estimate whose variance has a part of trainings and one of images; None if none is known or one is infinite.

    What each image adds by chance in each training is in both parts; V = trainings + images - shared, not below each.
    The squared t quantile goes from that of the images' degrees of freedom to that of the trainings' as the share r of
    trainings in V grows: by q / (q + 1), q = (r / (1 - r) / odds)^3. Satterthwaite's freedom = V^2 / sum(part^2 / its
    freedom) takes the trainings' part to be small and known where a few of them happen to be alike, and covers 87 % at
    worst with 1 degree of freedom. This curve was chosen by quadrature over all shares of the parts: it covers 93.3 to
    96.6 % with 1 degree of freedom of the trainings and 94 to 96 % with 2 or more, where the shared part is up to an
    eighth of V. Of that part, which is known well, the more counts to the trainings the fewer they are; where it is
    nearly all, intervals are too wide and cover 97 to 99 %.

    Args:
        shared: variance that both parts hold.
    """
    if any(part is not None and not math.isfinite(part.variance) for part in (trainings, images)):
        return None
    if trainings is None or images is None:
        only = trainings or images
        if only is None:
            return None
        errors = [None if part is None else math.sqrt(part.variance) for part in (trainings, images)]
        return Effect(estimate, math.sqrt(only.variance), only.freedom, *errors)
    variance = max(trainings.variance + images.variance - shared, trainings.variance, images.variance)
    known = min(shared, trainings.variance)
    share = (trainings.variance - known + min(1.0, 2 / trainings.freedom) * known) / variance if variance else 0.0
    freedom = _between(min(share, 1.0), trainings.freedom, images.freedom)
    return Effect(estimate, math.sqrt(variance), freedom, math.sqrt(trainings.variance), math.sqrt(images.variance))


def _between(share: float, trainings: float, images: float) -> float:
    """The degrees of freedom whose squared quantile is that far from the images' to the trainings'."""
    from scipy.special import stdtridf

    level = (1 + LEVEL) / 2
    half = HALF - EARLIER / trainings**2
    far = share**STEEPNESS / (share**STEEPNESS + ((1 - share) * half / (1 - half)) ** STEEPNESS)
    start, end = quantile(images, level) ** 2, quantile(trainings, level) ** 2
    squared = start + (end - start) * far
    if squared <= quantile(math.inf, level) ** 2 * (1 + EQUAL):
        return math.inf
    return float(stdtridf(level, math.sqrt(squared)))
