"""Distances between two sets of images, from features [N, F] of any extractor.

A value belongs to its extractor and to N, so it is named after the extractor ("fd_tinyclip"). "FID" and "KID" are the
same quantities on the features of one particular Inception network, "CMMD" is another kernel on those of a CLIP.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from bench.errors import NotMeasurable
from bench.registry import metrics

BLOCK = 1024
CMMD_SIGMA = 10.0
CMMD_SCALE = 1000.0

PROTOCOL = {
    "fd": "float64, covariance over n - 1, symmetric eigenvalues; its bias depends on the number of images",
    "kd": "kernel (x.y / F + 1)^3, unbiased, full set; paired: u-statistic (own pairs left out of the cross term)",
    "cmmd": f"{CMMD_SCALE:g} x biased squared MMD, Gaussian kernel of sigma {CMMD_SIGMA:g}, embeddings of length 1",
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


def frechet_distance(a: Statistics, b: Statistics) -> float:
    """Frechet distance of two Gaussians with these statistics: |m - n|^2 + tr(S + T - 2 (S T)^1/2).

    Heusel et al. 2017. The trace of the root is that of (S^1/2 T S^1/2)^1/2, which is symmetric, so it cannot turn
    complex where there are fewer images than features; eigenvalues that rounding made negative count as zero.

    Raises:
        NotMeasurable: a set has fewer than two images.
    """
    if min(a.n, b.n) < 2:
        raise NotMeasurable(f"the Frechet distance needs two images or more in each set, not {a.n} and {b.n}")
    first, second = (part.scatter / (part.n - 1) for part in (a, b))
    values, vectors = torch.linalg.eigh(first)
    root = (vectors * values.clamp(min=0).sqrt()) @ vectors.T
    inner = torch.linalg.eigvalsh(root @ second @ root)
    distance = (a.mean - b.mean).square().sum() + first.trace() + second.trace() - 2 * inner.clamp(min=0).sqrt().sum()
    return max(0.0, float(distance))


@metrics.register("fd", higher_is_better=False, unit="")
def frechet_distance_of(a: Tensor, b: Tensor, paired: bool) -> float:  # noqa: ARG001 - pairs do not matter to it
    """Frechet distance of features [N, F] and [M, F]; see `frechet_distance`."""
    return frechet_distance(statistics([a]), statistics([b]))


@metrics.register("kd", higher_is_better=False, unit="")
def kernel_distance(a: Tensor, b: Tensor, paired: bool) -> float:
    """Squared maximum mean discrepancy of features [N, F] and [M, F], kernel (x.y / F + 1)^3 (Binkowski et al. 2018).

    Unbiased, so it may be slightly negative, and taken over all images, not over subsets. Where b[i] is made from a[i]
    (`paired`), those two are dependent and the pairs (i, i) are left out of the cross term as well (the u-statistic).

    Raises:
        NotMeasurable: a set has fewer than two images.
        ValueError: paired sets differ in length.
    """
    if min(len(a), len(b)) < 2:
        raise NotMeasurable(f"cannot compare {len(a)} and {len(b)} images, two or more are needed in each set")
    if paired and len(a) != len(b):
        raise ValueError(f"cannot compare {len(a)} and {len(b)} images as pairs")
    a, b = a.double(), b.double()
    within = sum((_kernel_sum(x, x) - _pair_sum(x, x)) / (len(x) * (len(x) - 1)) for x in (a, b))
    if paired:
        return within - 2 * (_kernel_sum(a, b) - _pair_sum(a, b)) / (len(a) * (len(a) - 1))
    return within - 2 * _kernel_sum(a, b) / (len(a) * len(b))


@metrics.register("fid", higher_is_better=False, unit="")
def fid(a: Tensor, b: Tensor, paired: bool) -> float:
    """Frechet Inception distance (Heusel et al. 2017): the Frechet distance of features of the FID Inception."""
    return frechet_distance_of(a, b, paired)


@metrics.register("kid", higher_is_better=False, unit="")
def kid(a: Tensor, b: Tensor, paired: bool) -> float:
    """Kernel Inception distance (Binkowski et al. 2018): `kernel_distance` of features of the FID Inception."""
    return kernel_distance(a, b, paired)


@metrics.register("cmmd", higher_is_better=False, unit="")
def cmmd(a: Tensor, b: Tensor, paired: bool) -> float:  # noqa: ARG001 - the estimator is as published, pairs or not
    """CMMD (Jayasumana et al. 2024, arXiv 2401.09603) of CLIP embeddings [N, F] and [M, F], which are normalised here.

    1000 times the biased estimate of the squared maximum mean discrepancy, kernel exp(-|x - y|^2 / (2 sigma^2)).

    Raises:
        NotMeasurable: a set is empty.
    """
    if not len(a) or not len(b):
        raise NotMeasurable(f"cannot compare {len(a)} and {len(b)} images")
    a, b = (F.normalize(part.double(), dim=1) for part in (a, b))
    return CMMD_SCALE * (_gaussian_mean(a, a) + _gaussian_mean(b, b) - 2 * _gaussian_mean(a, b))


def pack_statistics(stats: Statistics) -> np.ndarray:
    """Statistics as one vector float64 [1 + F + F (F + 1) / 2]: n, the mean, the scatter's upper triangle by rows."""
    rows, columns = torch.triu_indices(len(stats.mean), len(stats.mean))
    n = torch.tensor([float(stats.n)], dtype=torch.float64)
    return torch.cat([n, stats.mean, stats.scatter[rows, columns]]).numpy()


def unpack_statistics(packed: np.ndarray) -> Statistics:
    """The statistics of `pack_statistics`, also where the vector has been rounded to float32.

    Raises:
        ValueError: no statistics give a vector of this length.
    """
    values = torch.from_numpy(np.asarray(packed, np.float64))
    width = math.isqrt(2 * len(values)) - 1
    if width < 1 or len(values) != 1 + width + width * (width + 1) // 2:
        raise ValueError(f"{len(values)} numbers are not the statistics of features")
    rows, columns = torch.triu_indices(width, width)
    scatter = torch.zeros(width, width, dtype=torch.float64)
    scatter[rows, columns] = scatter[columns, rows] = values[1 + width :]
    return Statistics(int(values[0]), values[1 : 1 + width], scatter)


def _merge(a: Statistics, b: Statistics) -> Statistics:
    """Statistics of two sets together."""
    n = a.n + b.n
    shift = b.mean - a.mean
    between = torch.outer(shift, shift) * (a.n * b.n / n)
    return Statistics(n, a.mean + shift * (b.n / n), a.scatter + b.scatter + between)


def _kernel_sum(a: Tensor, b: Tensor) -> float:
    """Sum of the kernel over all pairs, in blocks of rows so that memory stays linear in N."""
    blocks = [_kernel(rows @ b.T, a.shape[1]).sum() for rows in a.split(BLOCK)]
    return float(torch.stack(blocks).sum())


def _gaussian_mean(a: Tensor, b: Tensor) -> float:
    """Mean of the Gaussian kernel over all pairs of unit vectors, whose squared distance is 2 - 2 x.y."""
    blocks = [torch.exp((rows @ b.T - 1) / CMMD_SIGMA**2).sum() for rows in a.split(BLOCK)]
    return float(torch.stack(blocks).sum()) / (len(a) * len(b))


def _pair_sum(a: Tensor, b: Tensor) -> float:
    """Sum of the kernel over the pairs (i, i) alone."""
    return float(_kernel((a * b).sum(1), a.shape[1]).sum())


def _kernel(products: Tensor, width: int) -> Tensor:
    """The cubic kernel of inner products of features [..., F = width]."""
    return (products / width + 1) ** 3
