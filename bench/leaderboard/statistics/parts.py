"""Parts of a variance, joined to one standard error and degrees of freedom."""

from __future__ import annotations

import math
from typing import NamedTuple

from bench.leaderboard.statistics.effect import LEVEL, Effect, quantile

BEND = 1.75
"""Exponent of the share of trainings in the squared quantile, see `effect_of`."""


class Part(NamedTuple):
    """A part of an estimate's variance and the degrees of freedom that it is known with, math.inf allowed."""

    variance: float
    freedom: float


def both(one: Part, other: Part) -> Part:
    """The sum of the parts of two sides.

    Satterthwaite (Biometrics Bulletin 2, 1946) has 1 / freedom = sum of share^2 / freedom. With 1 degree of freedom on
    each side intervals then cover 97.7 %, and with 1 and 4 only 89 % if the first varies most. Here the exponent is
    1 + (m + 1) / M for m <= M degrees of freedom, near 2 where these are many and alike, and the result is at most
    their sum: by quadrature intervals of two sides that are alike cover 95.0 to 97.0 % for 1, 2 and 4 degrees of
    freedom, 94.9 to 96.4 % for unequal ones of these, and 90 to 94 % in the worst case, where the side of
    1 degree of freedom varies some twenty times as much.
    """
    variance = one.variance + other.variance
    if variance == 0:
        return Part(0.0, one.freedom + other.freedom)
    fewer, more = sorted((one.freedom, other.freedom))
    exponent = 1 + (0 if math.isinf(more) else (fewer + 1) / more)
    inverse = sum((part.variance / variance) ** exponent / part.freedom for part in (one, other))
    return Part(variance, min(1 / inverse if inverse else math.inf, one.freedom + other.freedom))


def effect_of(estimate: float, trainings: Part | None, images: Part | None, shared: float = 0.0) -> Effect | None:
    """An estimate whose variance has a part of trainings and one of images, None if neither is known.

    What each image adds by chance in each training is in both parts; V = trainings + images - shared, not below each.
    The t quantile squared runs from that of the images' freedom to that of the trainings', with share^1.75 of the
    trainings in V. Satterthwaite's sum of share^2 / freedom does the same to first order, but where a few trainings
    happen to be alike it takes their part to be small and known: with 2 trainings it covers 87 % at worst, this 93 to
    97 % (with 3 or more 94.5 to 96 %, by quadrature). Of the shared part, which is known well, the more counts to the
    trainings the fewer they are. Where the shared part is nearly all, intervals are too wide and cover 97 to 99 %.

    Args:
        shared: variance that both parts hold.
    """
    if trainings is None or images is None:
        only = trainings or images
        if only is None:
            return None
        errors = [None if part is None else math.sqrt(part.variance) for part in (trainings, images)]
        return Effect(estimate, math.sqrt(only.variance), only.freedom, *errors)
    variance = max(trainings.variance + images.variance - shared, trainings.variance, images.variance)
    known = min(shared, trainings.variance)
    share = (trainings.variance - known + min(1.0, 2 / trainings.freedom) * known) / variance if variance else 0.0
    freedom = _between(share, trainings.freedom, images.freedom)
    return Effect(estimate, math.sqrt(variance), freedom, math.sqrt(trainings.variance), math.sqrt(images.variance))


def _between(share: float, trainings: float, images: float) -> float:
    """The degrees of freedom whose squared quantile lies `share` ** BEND of the way from the images' to the other."""
    from scipy.special import stdtridf

    level = (1 + LEVEL) / 2
    near, far = quantile(images, level) ** 2, quantile(trainings, level) ** 2
    squared = near + (far - near) * min(share, 1.0) ** BEND
    if squared <= quantile(math.inf, level) ** 2 * (1 + 1e-9):
        return math.inf
    return float(stdtridf(level, math.sqrt(squared)))
