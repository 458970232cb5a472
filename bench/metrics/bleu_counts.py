"""BLEU from counts, of many resamples at once: what its standard error over images is computed with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

ORDERS = 4
TINY, SMALL = 1e-15, 1e-9
"""What pycocoevalcap adds to counts, so that nothing is divided by 0."""


def bleu_counts(captions: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """What each caption adds to the counts: right and all n-grams of each order, its length and its references'.

    Args:
        captions: as pycocoevalcap's `BleuScorer` keeps them.

    Returns:
        Float64 [N, 10]; the references' length is the closest one, of two as close the shorter.
    """
    rows = [
        [
            *caption["correct"],
            *caption["guess"],
            caption["testlen"],
            min((abs(length - caption["testlen"]), length) for length in caption["reflen"])[1],
        ]
        for caption in captions
    ]
    return np.array(rows, np.float64).reshape(-1, 2 * ORDERS + 2)


def bleu_of(sums: np.ndarray) -> np.ndarray:
    """BLEU-1 to BLEU-4 of sums of counts [R, 10], [R, 4] (Papineni et al. 2002, section 2.3)."""
    right, given, length, wanted = np.split(sums, (ORDERS, 2 * ORDERS, 2 * ORDERS + 1), axis=1)
    precisions = np.cumprod((right + TINY) / (given + SMALL), axis=1) ** (1 / np.arange(1, ORDERS + 1))
    ratio = (length + TINY) / (wanted + SMALL)
    brevity: np.ndarray = np.exp(np.minimum(0, 1 - 1 / ratio))
    return precisions * brevity
