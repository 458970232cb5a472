"""Metrics of predicted boxes: intersection over union, and how often it is at least a half."""

from __future__ import annotations

import numpy as np

ENOUGH = 0.5


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
    one, other = corners(predicted).clip(0, 1), corners(truth)
    sides = np.minimum(one[:, 2:], other[:, 2:]) - np.maximum(one[:, :2], other[:, :2])
    shared = sides.clip(min=0).prod(1)
    found: np.ndarray = shared / np.maximum(_area(one) + _area(other) - shared, np.finfo(np.float64).tiny)
    return found


def box_accuracy(iou: np.ndarray) -> np.ndarray:
    """Whether a box is right (Acc@0.5, as TransVG evaluates): IoU [N] at least 0.5; float32 [N] of 0 and 1."""
    right: np.ndarray = (iou >= ENOUGH).astype(np.float32)
    return right


def corners(boxes: np.ndarray) -> np.ndarray:
    """(centre x, centre y, width, height) [N, 4] to (left, top, right, bottom), float64."""
    center, size = boxes[:, :2].astype(np.float64), boxes[:, 2:].astype(np.float64)
    return np.concatenate([center - size / 2, center + size / 2], axis=1)


def _area(sides: np.ndarray) -> np.ndarray:
    area: np.ndarray = (sides[:, 2:] - sides[:, :2]).prod(1)
    return area
