"""How sure are we: intervals, paired comparisons and ranks.

Two uncertainties are kept apart: over examples (would other images give this value?) and over seeds (would another
training?). Intervals are symmetric t intervals. Examples that share an image are one cluster.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

LEVEL = 0.95
"""Of all intervals."""

T = TypeVar("T", bound=Hashable)


class Estimate(NamedTuple):
    """A mean with the half-width of its 95 % interval, None where nothing can be said; n counts what was averaged."""

    mean: float
    half_width: float | None
    n: int


class Paired(NamedTuple):
    """Mean of a - b on the same examples, half-width of its 95 % interval, two-sided p of "no difference"."""

    difference: float
    half_width: float
    p: float


def over_seeds(values: Sequence[float]) -> Estimate:
    """Mean of one value a seed, with the t interval from the sample standard deviation (ddof 1)."""
    n = len(values)
    mean = math.fsum(values) / n
    if n < 2:
        return Estimate(mean, None, n)
    variance = math.fsum((value - mean) ** 2 for value in values) / (n - 1)
    return Estimate(mean, _t_quantile(n - 1) * math.sqrt(variance / n), n)


def over_examples(values: np.ndarray, clusters: np.ndarray | None = None) -> Estimate:
    """Mean of per-example scores [n], with the interval over examples, or over clusters (ids [n])."""
    sums = _cluster_sums(values, clusters)
    n = len(values)
    mean = math.fsum(values) / n
    if len(sums) < 2:
        return Estimate(mean, None, n)
    return Estimate(mean, _t_quantile(len(sums) - 1) * standard_error(values, clusters), n)


def standard_error(values: np.ndarray, clusters: np.ndarray | None = None) -> float:
    """Standard error of the mean of scores [n], which may be clustered (ids [n]).

    Clustered: Miller 2024 (arXiv 2411.00640), eq. 4, times G / (G - 1) for G clusters, so that clusters of one give
    s / sqrt(n) with ddof 1.
    """
    sums = _cluster_sums(np.asarray(values, np.float64) - np.mean(values, dtype=np.float64), clusters)
    return math.sqrt(math.fsum(sums**2) * len(sums) / (len(sums) - 1)) / len(values)


def paired(a: np.ndarray, b: np.ndarray, clusters: np.ndarray | None = None) -> Paired:
    """Compare two methods' scores [n] of the same examples, n >= 2; the p-value belongs to the t interval."""
    differences = np.asarray(a, np.float64) - np.asarray(b, np.float64)
    freedom = len(_cluster_sums(differences, clusters)) - 1
    mean = math.fsum(differences) / len(differences)
    error = standard_error(differences, clusters)
    return Paired(mean, _t_quantile(freedom) * error, _t_p(mean, error, freedom))


def holm(p_values: Mapping[T, float]) -> dict[T, float]:
    """Holm's step-down adjustment (Scandinavian Journal of Statistics 6, 1979); compare the result with alpha."""
    adjusted: dict[T, float] = {}
    highest = 0.0
    for position, name in enumerate(sorted(p_values, key=lambda name: p_values[name])):
        highest = max(highest, min(1.0, (len(p_values) - position) * p_values[name]))
        adjusted[name] = highest
    return adjusted


def ranks(values: pd.DataFrame, higher_is_better: Sequence[bool]) -> pd.DataFrame:
    """Rank of each row in each column: 1 is best, equal values share the mean of their ranks, NaN stays NaN.

    Args:
        values: methods by tasks.
        higher_is_better: of each column.
    """
    signs = [-1 if higher else 1 for higher in higher_is_better]
    return (values * signs).rank()


def mean_rank(ranks: pd.DataFrame) -> pd.Series[float]:
    """Mean over tasks, NaN where a task is missing: a mean over whatever exists rewards what was left out."""
    return ranks.mean(axis="columns", skipna=False)


def _cluster_sums(values: np.ndarray, clusters: np.ndarray | None) -> np.ndarray:
    """Sum of the values [n] of each cluster [G]; without clusters each value is its own."""
    values = np.asarray(values, np.float64)
    return values if clusters is None else np.bincount(np.unique(clusters, return_inverse=True)[1], values)


def _t_quantile(freedom: int) -> float:
    """How many standard errors the interval reaches to each side."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, (1 + LEVEL) / 2))


def _t_p(mean: float, error: float, freedom: int) -> float:
    """Two-sided p of "the mean is 0"; where the standard error is 0, all values are equal and it is or it is not."""
    from scipy.special import stdtr

    if error == 0:
        return float(mean == 0)
    return float(2 * stdtr(freedom, -abs(mean) / error))
