"""Metrics of segmentation masks."""

from __future__ import annotations

import numpy as np


def mask_agreement(segmented: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Mean intersection over union of the classes in each given mask, the background's included, float64 [N].

    Args:
        segmented: class ids [N, S, S], what a segmenter sees in an image generated for the mask.
        given: that mask, likewise.

    Raises:
        ValueError: the shapes differ.
    """
    if segmented.shape != given.shape:
        raise ValueError(f"shapes differ: {segmented.shape} segmented and {given.shape} given")
    agreement = np.empty(len(given))
    for row, (seen, mask) in enumerate(zip(segmented, given, strict=True)):
        overlaps = [
            np.count_nonzero((seen == kind) & (mask == kind)) / np.count_nonzero((seen == kind) | (mask == kind))
            for kind in np.unique(mask)
        ]
        agreement[row] = np.mean(overlaps)
    return agreement
