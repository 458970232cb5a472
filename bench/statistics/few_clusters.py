"""A mean over examples that share few images, and not equally many each.

Where all images have equally many examples the plain t interval of their means with G - 1 degrees of freedom is exact
for normal means, and this is the same. With five to fifty images of unequal numbers of examples the plain one covers 86
to 95 %, this 94 to 98 % (`benchmarks/coverage.py`); with hundreds the two agree.
"""

from __future__ import annotations

import math

import numpy as np

from bench.statistics.effect import Effect
from bench.statistics.parts import Part

FEW = 50
"""Images, below which their numbers of examples matter."""


def clustered_mean(values: np.ndarray, clusters: np.ndarray) -> Effect:
    """Mean of values [n] with its uncertainty over clusters (ids [n]), two or more.

    Raises:
        ValueError: there is one cluster.
    """
    number, counts = np.unique(clusters, return_inverse=True, return_counts=True)[1:]
    if len(counts) < 2:
        raise ValueError("one cluster says nothing about others")
    mean = math.fsum(values) / len(values)
    found = of_sums(np.bincount(number, np.asarray(values, np.float64) - mean), counts)
    error = math.sqrt(found.variance)
    return Effect(mean, error, found.freedom, None, error)


def of_sums(sums: np.ndarray, counts: np.ndarray) -> Part:
    """Variance of a mean over examples, from each cluster's sum of residuals [G] and number of examples [G].

    The variance is CR2 of Bell & McCaffrey (Survey Methodology 28, 2002): each cluster's squared residual sum over
    1 - its share of the examples. So are the degrees of freedom, 2 E(V)^2 / var(V), but for examples of one cluster
    that are alike instead of independent: these are the fewer, and few clusters do not say which it is.
    """
    share = counts / counts.sum()
    variance = math.fsum(sums**2 / (1 - share)) / float(counts.sum()) ** 2
    # each adjusted residual sum as a combination of the clusters' independent means
    combined = (np.eye(len(counts)) - share[:, None]) * counts / np.sqrt(1 - share)[:, None]
    products = combined @ combined.T
    return Part(variance, float(np.trace(products) ** 2 / np.square(products).sum()))
