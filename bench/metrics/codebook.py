"""How a codebook is used over a whole split, from counts; never an average over batches.

All depend on the number of tokens counted: T tokens drawn evenly from K codes already miss some of them.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from bench.registry import metrics

PROTOCOL = {"codebook": "counted over all tokens of the test split; residual levels jointly, and each as /level-l"}


class Counts(NamedTuple):
    """How often codes occur. counts: int64, one entry a code (unused codes may be left out); size: K."""

    counts: np.ndarray
    size: int


def count_codes(indices: np.ndarray, size: int) -> list[Counts]:
    """Counts of indices [N, h, w], or [N, h, w, L] with L residual levels of `size` codes each.

    Returns:
        First the joint counts (of size^L tuples), then, where L > 1, those of each level.
    """
    levels = indices.reshape(-1, indices.shape[3] if indices.ndim == 4 else 1).T.astype(np.int64)  # [L, tokens]
    joint = levels[0]  # [tokens]
    for level in levels[1:]:  # renumbered at each level, so that no product of sizes can overflow
        joint = np.unique(joint * size + level, return_inverse=True)[1]
    tallies = [Counts(np.bincount(joint), size ** len(levels))]
    if len(levels) > 1:
        tallies += [Counts(np.bincount(level, minlength=size), size) for level in levels]
    return tallies


@metrics.register("usage", higher_is_better=None, unit="")
def usage(tally: Counts) -> float:
    """Share of the codes that occur at least once."""
    return float((tally.counts > 0).sum()) / tally.size


@metrics.register("perplexity", higher_is_better=None, unit="")
def perplexity(tally: Counts) -> float:
    """Exponential of the entropy of the codes' frequencies: K if all K are used evenly, 1 if only one is used."""
    shares = tally.counts[tally.counts > 0] / tally.counts.sum()
    return math.exp(-float((shares * np.log(shares)).sum()))


@metrics.register("normalised_usage", higher_is_better=None, unit="")
def normalised_usage(tally: Counts) -> float:
    """Usage over its expectation for T tokens drawn evenly from all K codes, 1 - (1 - 1/K)^T; may exceed 1."""
    if tally.size == 1:
        return usage(tally)
    return usage(tally) / -math.expm1(float(tally.counts.sum()) * math.log1p(-1 / tally.size))


@metrics.register("bits_per_pixel", higher_is_better=None, unit="bit")
def bits_per_pixel(size: int, tokens: int, pixels: int) -> float:
    """Length of an image's code without entropy coding: log2 K bits for each of its tokens, over its pixels."""
    return tokens * math.log2(size) / pixels
