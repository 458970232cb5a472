"""Metrics of predicted boxes: intersection over union, and how often it is at least a half."""

from __future__ import annotations

import numpy as np

ENOUGH = 0.5
"""Intersection over union from which a box counts as right."""


def box_iou(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Intersection over union of each predicted box, cut to the image, with the true one, float64 [N] in [0, 1].

    Args:
        predicted: [N, 4], (centre x, centre y, width, height) as fractions of the image. truth: likewise.

    Raises:
        ValueError: the shapes are not [N, 4] both, or a predicted number is not finite.
    """
    if predicted.shape != truth.shape or predicted.shape[1:] != (4,):
        raise ValueError(f"boxes of shapes {predicted.shape} and {truth.shape}, not [N, 4]")
    if not np.isfinite(predicted).all():
        raise ValueError("a predicted box holds a number that is not finite")
    inside, true = corners(predicted).clip(0, 1), corners(truth)
    sides = np.minimum(inside[:, 2:], true[:, 2:]) - np.maximum(inside[:, :2], true[:, :2])
    shared = sides.clip(min=0).prod(1)
    return shared / np.maximum(_area(inside) + _area(true) - shared, np.finfo(np.float64).tiny)


def box_accuracy(iou: np.ndarray) -> np.ndarray:
    """Whether a box is right (Acc@0.5, as TransVG evaluates): IoU [N] at least 0.5; float32 [N] of 0 and 1."""
    return (iou >= ENOUGH).astype(np.float32)


def corners(boxes: np.ndarray) -> np.ndarray:
    """(centre x, centre y, width, height) [N, 4] to (left, top, right, bottom), float64."""
    center, size = boxes[:, :2].astype(np.float64), boxes[:, 2:].astype(np.float64)
    return np.concatenate([center - size / 2, center + size / 2], axis=1)


def _area(sides: np.ndarray) -> np.ndarray:
    return (sides[:, 2:] - sides[:, :2]).prod(1)
