"""Standard errors over images: by how much a value would move if other images of the same kind had been taken.

They say nothing of another training. Where a value comes from sums over images (BLEU), its error is a bootstrap's: the
spread of resamples, for an interval about the value itself, since their own middle may lie elsewhere.
"""

from __future__ import annotations

import math

import numpy as np

RESAMPLES = 1000
"""Of images; a standard deviation of so many values is known to 2 %."""


def of_mean(scores: np.ndarray, clusters: np.ndarray | None = None) -> float | None:
    """Standard error of the mean of scores of examples [n]; None of fewer than two images, or a score is not finite.

    Args:
        scores: of each example.
        clusters: the number of each example's image [n], where several may share one. Then it is that of Miller 2024
            (arXiv 2411.00640), eq. 4, times G / (G - 1) for G images, so that one example an image gives s / sqrt(n)
            with ddof 1.
    """
    values = np.asarray(scores, np.float64)
    if len(values) < 2 or not np.isfinite(values).all():
        return None
    sums = values - values.mean()
    if clusters is not None:
        sums = np.bincount(np.unique(clusters, return_inverse=True)[1], sums)
    if len(sums) < 2:
        return None
    return math.sqrt(math.fsum(sums**2) * len(sums) / (len(sums) - 1)) / len(values)


def resampled_sums(parts: np.ndarray) -> np.ndarray:
    """Sums over images drawn with replacement, as many as there are (Efron 1979); always the same draws.

    Args:
        parts: what each image adds to each sum, [N, C].

    Returns:
        float64 [`RESAMPLES`, C]; without rows where there are fewer than two images.
    """
    count, values = len(parts), np.asarray(parts, np.float64)
    if count < 2:
        return values[:0]
    rng = np.random.default_rng(0)
    draws = (np.bincount(rng.integers(count, size=count), minlength=count) for _ in range(RESAMPLES))
    return np.stack([times.astype(np.float64) @ values for times in draws])


def of_resamples(values: np.ndarray) -> float | None:
    """Standard deviation of a value over resamples [R]; None where there are none, or where one has no value (nan)."""
    return float(values.std(ddof=1)) if len(values) > 1 and np.isfinite(values).all() else None
