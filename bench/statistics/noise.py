"""How much the trainings of a method differ, pooled over methods."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from bench.statistics.design import MOST_SIDE, Design
from bench.statistics.parts import Part
from bench.statistics.trainings import Trainings

COLUMNS = 256
"""Images at a time, so that 20,000 trainings take little memory."""


def training_noise(design: Design, values: np.ndarray, blocked: bool) -> Part | None:
    """Variance of one training's value, from values [N]; None without a method of two trainings.

    Methods whose trainings all gave the same value would make the others look surer than they are, and are not pooled
    unless all are so.

    Args:
        blocked: without what a seed gives to all methods alike.
    """
    if blocked:
        return Part(_squares(design.residuals(values)) / design.left, design.left)
    pooled = ~design.constant if (~design.constant & (design.method.counts > 1)).any() else design.constant
    freedom = int((design.method.counts - 1)[pooled].sum())
    if freedom == 0:
        return None
    variance = _squares(design.within_methods(values)) / freedom
    if design.components > 1 and variance > 0:
        return Part(variance, _freedom(design, values, freedom, variance))
    return Part(variance, freedom)


def image_noise(design: Design, tables: Sequence[Trainings], blocked: bool) -> float:
    """Variance of what one image adds by chance in one training; 0 where single trainings leave nothing of it.

    Args:
        tables: those of the design, all with images of one layout.
        blocked: without what a seed gives to an image in all methods alike.
    """
    images = [table.images for table in tables if table.images is not None]
    count = images[0].shape[1]
    freedom = (design.left if blocked else len(design.method.of) - design.method.size) * (count - 1)
    if freedom == 0:
        return 0.0
    means = [one.mean(1, keepdims=True) for one in images]
    squares = []
    for start in range(0, count, COLUMNS):
        chunk = np.concatenate(
            [one[:, start : start + COLUMNS] - mean for one, mean in zip(images, means, strict=True)]
        )
        squares.append(_squares(design.residuals(chunk) if blocked else design.within_methods(chunk)))
    return math.fsum(squares) / freedom


def _freedom(design: Design, values: np.ndarray, within: int, variance: float) -> float:
    """Satterthwaite's degrees of freedom of the variance within methods where some of them share seeds.

    What they have in common is known from as many seeds, not trainings. For a correlation r of trainings with one seed,
    var(sum of squares) is that of independent ones times 1 + r^2 (overlap / within - 1); overlap: the sum, over all
    pairs of methods, of the trace of the product of their centred seeds.
    """
    if design.seed.size > MOST_SIDE:
        return within
    chosen = np.eye(design.seed.size)[design.seed.of]
    shares = (design.method.sums(chosen) / design.method.counts[:, None]).T @ design.method.sums(chosen)
    overlap = _squares(design.seed.counts) - 2 * float(design.seed.counts @ np.diag(shares)) + _squares(shares)
    alike = 1.0
    if design.left > 0 and design.solvable:
        alike = max(0.0, 1 - _squares(design.residuals(values)) / design.left / variance)
    return within / (1 + alike**2 * (overlap / within - 1))


def _squares(values: np.ndarray) -> float:
    with np.errstate(over="ignore"):  # infinite, of which nothing is claimed
        return float(np.square(values, dtype=np.float64).sum())
