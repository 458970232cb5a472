"""How uncertain the difference of every two of many methods is by the choice of test images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.statistics.design import design
from bench.statistics.noise import image_noise
from bench.statistics.trainings import Trainings
from bench.statistics.two_way import error_of

MOST_PAIRED = 5000
"""Methods that are compared image by image; among more, each pair is bounded."""
ENOUGH = 256
"""Methods that say how much single trainings add to an image; more would only take longer."""


@dataclass(frozen=True)
class ImageSpreads:
    """Of k methods. errors: [k], of each alone. layout: [k], which methods have the same images; -1: unknown ones.

    own: [k], standard error of how a method's images differ from what all methods with these images give on average.
    paired: [k, k], variance of each difference; None where `own` bounds it. shared: [k], variance of a method's value
    that single trainings' part holds too. freedom: degrees of freedom, of the fewest images.
    """

    errors: np.ndarray
    layout: np.ndarray
    own: np.ndarray
    paired: np.ndarray | None
    shared: np.ndarray
    freedom: float

    def rows(self, rows: slice) -> np.ndarray:
        """Variances of the differences of methods `rows` to all others, [rows, k]."""
        if self.paired is not None:
            return self.paired[rows]
        alike = (self.layout[rows, None] == self.layout[None]) & (self.layout >= 0)
        bound = np.square(self.own[rows, None] + self.own[None])  # of the triangle inequality
        return np.where(alike, bound, np.square(self.errors[rows, None]) + np.square(self.errors[None]))


def image_spreads(tables: Sequence[Trainings], blocked: bool) -> ImageSpreads | None:
    """None where of no method anything is known; one of which nothing is known is taken to be like the worst.

    Args:
        blocked: whether the trainings' part is without what a seed gives to all methods alike.
    """
    known = [error_of(table) for table in tables]
    worst = max((error for error in known if error is not None), default=None)
    if worst is None:
        return None
    errors = np.array([worst if error is None else error for error in known])
    layout, own, shared, freedom = np.full(len(tables), -1), errors.copy(), np.zeros(len(tables)), math.inf
    paired = errors[:, None] ** 2 + errors[None] ** 2 if len(tables) <= MOST_PAIRED else None
    for number, group in enumerate(_layouts(tables)):
        means = np.stack([tables[i].of_images for i in group])
        count = means.shape[1]
        layout[group], freedom = number, min(freedom, count - 1)
        means -= means.mean(0)
        means -= means.mean(1, keepdims=True)
        squares = np.square(means).sum(1)
        own[group] = np.sqrt(squares / count / (count - 1))
        trainings = np.array([len(tables[i].values) for i in group])
        shared[group] = _noise([tables[i] for i in group], blocked) / count / trainings
        if paired is not None:
            distances = squares[:, None] + squares[None] - 2 * (means @ means.T)
            paired[np.ix_(group, group)] = np.maximum(distances, 0) / count / (count - 1)
    return ImageSpreads(errors, layout, own, paired, shared, freedom)


def _layouts(tables: Sequence[Trainings]) -> list[list[int]]:
    """The methods of each set of images."""
    found: dict[str, list[int]] = {}
    for i, table in enumerate(tables):
        if table.images is not None:
            found.setdefault(table.layout, []).append(i)
    return list(found.values())


def _noise(tables: Sequence[Trainings], blocked: bool) -> float:
    several = [table for table in tables if len(table.values) > 1][:ENOUGH]
    if not several:
        return 0.0
    own = design(several)
    return image_noise(own, several, blocked and own.left > 0)
