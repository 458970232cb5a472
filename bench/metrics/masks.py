"""Metrics of segmentation masks."""

from __future__ import annotations

import numpy as np


def mask_agreement(found: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Mean intersection over union of the classes in each given mask, the background's included, float64 [N].

    Args:
        found: class ids [N, S, S], what a segmenter sees in an image made for the mask. given: that mask, the same.

    Raises:
        ValueError: the shapes differ.
    """
    if found.shape != given.shape:
        raise ValueError(f"{found.shape} found and {given.shape} given")
    agreement = np.empty(len(given))
    for row, (one, other) in enumerate(zip(found, given, strict=True)):
        overlaps = [
            np.count_nonzero((one == kind) & (other == kind)) / np.count_nonzero((one == kind) | (other == kind))
            for kind in np.unique(other)
        ]
        agreement[row] = np.mean(overlaps)
    return agreement
