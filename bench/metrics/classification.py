"""Metrics of predicted classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.registry import metrics


@metrics.register("accuracy", higher_is_better=True, unit="")
def accuracy(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Whether each prediction is the truth, float32 [N] of 0 and 1; both are class ids [N].

    Raises:
        ValueError: the shapes differ.
    """
    if predicted.shape != truth.shape:
        raise ValueError(f"{len(predicted)} predictions for {len(truth)} examples")
    return (predicted == truth).astype(np.float32)


def by_kind(kinds: Sequence[str]) -> dict[str, np.ndarray]:
    """Positions of the examples of each kind, kinds in alphabetical order."""
    array = np.asarray(kinds)
    return {str(kind): np.flatnonzero(array == kind) for kind in np.unique(array)}
