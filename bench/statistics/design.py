"""Which trainings there are of which methods with which seeds, and the least squares of value ~ method + seed.

Trainings with one seed share more than its number: order of batches, captions, start of the head. With the seed as a
block that cancels from differences of methods, also where some method lacks a seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from bench.statistics.trainings import Trainings

LEAST_FREEDOM = 4
"""Residual degrees of freedom that blocks have to leave: with fewer, wider quantiles cost more than blocks save."""
MOST_SIDE = 1000
"""Methods or seeds, whichever are fewer, up to which blocks are solved for."""
NULL = 1e-9
"""Eigenvalues below this share of the largest are 0: the mean is the methods' as much as the seeds'."""


class Factor:
    """What tells trainings apart, methods or seeds; of: number of each training's [N]."""

    def __init__(self, of: np.ndarray) -> None:
        self.of, self.counts = of, np.bincount(of)
        self.size = len(self.counts)

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Over the trainings of each, [N] to [k] or [N, q] to [k, q]."""
        found: np.ndarray = self._chosen @ values
        return found

    def means(self, values: np.ndarray) -> np.ndarray:
        """Over the trainings of each, [N] to [k] or [N, q] to [k, q]."""
        return self.sums(values) / self.counts.reshape(-1, *[1] * (values.ndim - 1))

    @cached_property
    def _chosen(self) -> Any:
        """[k, N], 1 where a training is of that one."""
        from scipy.sparse import csr_array

        return csr_array((np.ones(len(self.of)), np.argsort(self.of, kind="stable"), np.r_[0, np.cumsum(self.counts)]))


@dataclass(frozen=True)
class Design:
    """N trainings, one after the other of each method.

    constant: methods [k] of two or more trainings that all gave the same value (an identity, a frozen baseline).
    components: groups of methods that no shared seed ties to one another, directly or over others.
    """

    method: Factor
    seed: Factor
    constant: np.ndarray
    components: int

    @property
    def left(self) -> int:
        """Degrees of freedom that methods and seeds leave."""
        return len(self.method.of) - self.method.size - self.seed.size + self.components

    @property
    def solvable(self) -> bool:
        """Whether methods and seeds can both be taken out."""
        return min(self.method.size, self.seed.size) <= MOST_SIDE

    @property
    def blocked(self) -> bool:
        """Whether seeds are blocks: where they tie all methods together, move all of them, and leave enough."""
        tied = self.components == 1 and not self.constant.any()
        return tied and self.left >= LEAST_FREEDOM and self.solvable

    @property
    def _order(self) -> tuple[Factor, Factor]:
        """The factor to be averaged out, and the smaller one to be solved for."""
        return (self.method, self.seed) if self.seed.size <= self.method.size else (self.seed, self.method)

    @cached_property
    def solver(self) -> np.ndarray:
        """Generalised inverse of the smaller factor's normal equations once the other one is taken out."""
        outer, inner = self._order
        chosen = np.eye(inner.size)[inner.of]
        matrix = np.diag(inner.counts) - outer.sums(chosen).T @ outer.means(chosen)
        values, vectors = np.linalg.eigh(matrix)
        kept = values > NULL * max(values[-1], 1.0)
        inverse: np.ndarray = (vectors[:, kept] / values[kept]) @ vectors[:, kept].T
        return inverse

    def within_methods(self, values: np.ndarray) -> np.ndarray:
        """What methods leave of values [N, q]."""
        return values - self.method.means(values)[self.method.of]

    def residuals(self, values: np.ndarray) -> np.ndarray:
        """What methods and seeds leave of values [N, q]."""
        outer, inner = self._order
        left = values - outer.means(values)[outer.of]
        left = left - (self.solver @ inner.sums(left))[inner.of]
        return left - outer.means(left)[outer.of]

    def weights(self, of_methods: np.ndarray) -> np.ndarray:
        """What each training counts [N] in the estimate of sum(of_methods * methods), of weights [k] whose sum is 0.

        Best linear unbiased with seeds as blocks (Searle, Linear Models, 1971, section 5.4), else of methods' means.
        """
        plain: np.ndarray = (of_methods / self.method.counts)[self.method.of]
        if not self.blocked:
            return plain
        if self._order[1] is self.method:
            of_trainings = (self.solver @ of_methods)[self.method.of]
            return of_trainings - self.seed.means(of_trainings)[self.seed.of]
        of_seeds = (self.solver @ self.seed.sums(plain))[self.seed.of]
        return plain - self.within_methods(of_seeds)


def design(tables: Sequence[Trainings]) -> Design:
    """Of the trainings of methods, one or more of each."""
    numbers = {seed: i for i, seed in enumerate(sorted({seed for table in tables for seed in table.seeds}))}
    method = np.repeat(np.arange(len(tables)), [len(table.seeds) for table in tables])
    of_seed = np.array([numbers[seed] for table in tables for seed in table.seeds])
    constant = np.array([len(table.values) > 1 and not np.ptp(table.values) for table in tables])
    return Design(Factor(method), Factor(of_seed), constant, _components([table.seeds for table in tables]))


def _components(seeds: Sequence[Sequence[int]]) -> int:
    above = {seed: seed for found in seeds for seed in found}

    def root(seed: int) -> int:
        while above[seed] != seed:
            above[seed] = seed = above[above[seed]]
        return seed

    for found in seeds:
        for seed in found[1:]:
            above[root(seed)] = root(found[0])
    return sum(seed == other for seed, other in above.items())
