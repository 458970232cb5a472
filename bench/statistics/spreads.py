"""How uncertain the difference of every two of many methods is, in parts of which each has its own quantile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.statistics.design import LEAST_FREEDOM, Design, design
from bench.statistics.image_spreads import ImageSpreads, image_spreads
from bench.statistics.noise import training_noise
from bench.statistics.parts import Part
from bench.statistics.trainings import Trainings


@dataclass(frozen=True)
class Spreads:
    """Of k methods. counts: trainings of each [k]. trainings: variance of one training's value, pooled over methods.

    seeds: variance that all trainings with one seed have in common, where it is not in that of trainings. It cancels
    from the difference of methods with the same seeds; shares: [k, n] (sparse), what each seed counts in a method's
    value, nothing in that of a constant. None where all methods have the same seeds. images: None where unknown.
    """

    counts: np.ndarray
    trainings: Part
    seeds: Part | None
    shares: Any
    images: ImageSpreads | None

    def reach(self, rows: slice, quantile: Callable[[float], float]) -> np.ndarray:
        """How far methods `rows` and all others may be apart by chance, [rows, k].

        The square is the sum of the parts, each times the squared quantile at its own degrees of freedom. For two
        methods that covers at least its level whatever the parts are (Banerjee, Sankhya 22, 1960), which degrees of
        freedom of Satterthwaite's kind do not; for more it does in all simulations.
        """
        own = 1 / self.counts
        trainings = self.trainings.variance * (own[rows, None] + own[None])
        squared = quantile(self.trainings.freedom) ** 2 * trainings
        if self.seeds is not None:
            each = self.shares.power(2).sum(1)
            apart = each[rows, None] + each[None] - 2 * (self.shares[rows] @ self.shares.T).toarray()
            squared += quantile(self.seeds.freedom) ** 2 * self.seeds.variance * np.maximum(apart, 0)
        if self.images is not None:
            shared = np.minimum(self.images.shared[rows, None] + self.images.shared[None], trainings)
            squared += quantile(self.images.freedom) ** 2 * np.maximum(self.images.rows(rows) - shared, 0)
        return np.sqrt(squared, out=squared)


def spreads_of(tables: Sequence[Trainings]) -> Spreads | None:
    """Of two or more methods; None where no method has two trainings."""
    every = design(tables)
    constant = every.constant if (~every.constant & (every.method.counts > 1)).any() else every.constant & False
    varied = [table for table, same in zip(tables, constant, strict=True) if not same]
    found = design(varied) if constant.any() else every
    values = np.concatenate([table.values for table in varied]).astype(np.float64)
    blocked = found.left >= LEAST_FREEDOM and found.solvable
    trainings, within = training_noise(found, values, blocked), training_noise(found, values, blocked=False)
    if trainings is None or within is None:
        return None
    seeds = shares = None
    if blocked and (len({table.seeds for table in tables}) > 1 or constant.any()):
        common = max(0.0, within.variance - trainings.variance)
        seeds, shares = Part(common, max(1, found.seed.size - found.components)), _shares(every, constant)
    return Spreads(every.method.counts, trainings, seeds, shares, image_spreads(tables, blocked))


def _shares(every: Design, constant: np.ndarray) -> Any:
    from scipy.sparse import csr_array

    weights = (~constant / every.method.counts)[every.method.of]
    return csr_array((weights, (every.method.of, every.seed.of)), shape=(every.method.size, every.seed.size))
