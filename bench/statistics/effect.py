"""An estimate with its uncertainty: interval, test, equivalence, and what could have been found."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

LEVEL = 0.95
"""Of all intervals; tests are two-sided at what is left."""


@dataclass(frozen=True)
class Effect:
    """A mean, a difference or a contrast, with what it is uncertain by, in the metric's unit.

    error: standard error over trainings and test images together. freedom: degrees of freedom of the t distribution
    that gives its interval, math.inf allowed. training, images: standard errors that come of each alone; None where
    unknown. Where `training` is None there was one training on some side, and `error` is about test images only:
    nothing is said about other trainings. Where `images` is None nothing is said about other images.
    """

    estimate: float
    error: float
    freedom: float
    training: float | None
    images: float | None

    def half_width(self, level: float = LEVEL) -> float:
        """How far the interval reaches to each side."""
        return quantile(self.freedom, (1 + level) / 2) * self.error

    def p(self) -> float:
        """Two-sided, of "it is 0"; where nothing varies it is 0 or it is not."""
        from scipy.special import ndtr, stdtr

        if self.error == 0:
            return float(self.estimate == 0)
        reached = -abs(self.estimate) / self.error
        return float(2 * (ndtr(reached) if math.isinf(self.freedom) else stdtr(self.freedom, reached)))

    def within(self, margin: float) -> bool:
        """Whether it is shown to be smaller than the margin either way.

        Two one-sided tests at 5 % (Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15, 1987): the 90 %
        interval lies in (-margin, margin).
        """
        return abs(self.estimate) + self.half_width(2 * LEVEL - 1) < margin

    def findable(self, power: float = 0.8) -> float:
        """The smallest true effect that data with this uncertainty show not to be 0 with this power."""
        return _noncentrality(self.freedom, power) * self.error


@functools.lru_cache(maxsize=4096)
def quantile(freedom: float, below: float) -> float:
    """Of the t distribution, normal for infinite freedom; scipy takes longer for it than all else of an interval."""
    from scipy.special import ndtri, stdtrit

    return float(ndtri(below) if math.isinf(freedom) else stdtrit(freedom, below))


@functools.cache
def _noncentrality(freedom: float, power: float) -> float:
    """How many standard errors an effect has to be: where the noncentral t distribution has `power` above the test's
    upper bound. Below the lower one it then has next to nothing, which is left out.
    """
    from scipy.special import nctdtrinc, ndtri

    bound = quantile(freedom, (1 + LEVEL) / 2)
    return float(bound + ndtri(power) if math.isinf(freedom) else nctdtrinc(freedom, 1 - power, bound))
