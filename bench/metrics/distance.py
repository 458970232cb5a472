"""Distances between two sets of images, from features [N, F] of any extractor.

A value belongs to its extractor and to N, so it is named after the extractor ("fd_tinyclip"). "FID" and "KID" are the
same quantities on the features of one particular Inception network, which is not what is computed here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from bench.registry import metrics

BLOCK = 1024

PROTOCOL = {
    "fd": "float64, covariance over n - 1, symmetric eigenvalues",
    "kd": "kernel (x.y / F + 1)^3, unbiased, full set; paired: u-statistic (own pairs left out of the cross term)",
}


class Statistics(NamedTuple):
    """Sufficient statistics of features. mean: [F]; scatter: [F, F], the sum of outer products about the mean."""

    n: int
    mean: Tensor
    scatter: Tensor


def statistics(batches: Iterable[Tensor]) -> Statistics:
    """Statistics of features that come in batches [B, F] of any size; each row weighs the same, sums are float64.

    Batches are merged about their means (Chan, Golub and LeVeque 1983), which loses no digits to large means.

    Raises:
        ValueError: there are no features.
    """
    total: Statistics | None = None
    for features in batches:
        values = features.double()
        mean = values.mean(0)
        centred = values - mean
        part = Statistics(len(values), mean, centred.T @ centred)
        total = part if total is None else _merge(total, part)
    if total is None:
        raise ValueError("no features to take statistics of")
    return total


@metrics.register("fd", higher_is_better=False, unit="")
def frechet_distance(a: Statistics, b: Statistics) -> float:
    """Frechet distance of two Gaussians with these statistics: |m - n|^2 + tr(S + T - 2 (S T)^1/2).

    Heusel et al. 2017. The trace of the root is that of (S^1/2 T S^1/2)^1/2, which is symmetric, so it cannot turn
    complex where there are fewer images than features; eigenvalues that rounding made negative count as zero.

    Raises:
        ValueError: a set has fewer than two images.
    """
    if min(a.n, b.n) < 2:
        raise ValueError("the Frechet distance needs two images or more in each set")
    first, second = (part.scatter / (part.n - 1) for part in (a, b))
    values, vectors = torch.linalg.eigh(first)
    root = (vectors * values.clamp(min=0).sqrt()) @ vectors.T
    inner = torch.linalg.eigvalsh(root @ second @ root)
    distance = (a.mean - b.mean).square().sum() + first.trace() + second.trace() - 2 * inner.clamp(min=0).sqrt().sum()
    return max(0.0, float(distance))


@metrics.register("kd", higher_is_better=False, unit="")
def kernel_distance(a: Tensor, b: Tensor, paired: bool) -> float:
    """Squared maximum mean discrepancy of features [N, F] and [M, F], kernel (x.y / F + 1)^3 (Binkowski et al. 2018).

    Unbiased, so it may be slightly negative, and taken over all images, not over subsets. Where b[i] is made from a[i]
    (`paired`), those two are dependent and the pairs (i, i) are left out of the cross term as well (the u-statistic).

    Raises:
        ValueError: a set has fewer than two images, or paired sets differ in length.
    """
    if min(len(a), len(b)) < 2 or (paired and len(a) != len(b)):
        raise ValueError(f"cannot compare {len(a)} and {len(b)} images" + (" as pairs" if paired else ""))
    a, b = a.double(), b.double()
    within = sum((_kernel_sum(x, x) - _own(x, x)) / (len(x) * (len(x) - 1)) for x in (a, b))
    if paired:
        return within - 2 * (_kernel_sum(a, b) - _own(a, b)) / (len(a) * (len(a) - 1))
    return within - 2 * _kernel_sum(a, b) / (len(a) * len(b))


def _merge(a: Statistics, b: Statistics) -> Statistics:
    n = a.n + b.n
    shift = b.mean - a.mean
    between = torch.outer(shift, shift) * (a.n * b.n / n)
    return Statistics(n, a.mean + shift * (b.n / n), a.scatter + b.scatter + between)


def _kernel_sum(a: Tensor, b: Tensor) -> float:
    """Sum of the kernel over all pairs, in blocks of rows so that memory stays linear in N."""
    blocks = [_kernel(rows @ b.T, a.shape[1]).sum() for rows in a.split(BLOCK)]
    return float(torch.stack(blocks).sum())


def _own(a: Tensor, b: Tensor) -> float:
    """Sum of the kernel over the pairs (i, i)."""
    return float(_kernel((a * b).sum(1), a.shape[1]).sum())


def _kernel(products: Tensor, width: int) -> Tensor:
    return (products / width + 1) ** 3
