"""Batches of rows: the order in which a training sees its examples."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


def shuffled(count: int, size: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Endless batches of row numbers, int64 [size]: random permutations of all rows, one behind the other, cut up.

    A batch may span two permutations, and more where it is larger than `count`. A permutation is drawn when a batch
    first needs it, so `rng` may serve other draws between two batches.

    Raises:
        ValueError: there are no rows.
    """
    if count < 1:
        raise ValueError("no rows to draw batches from")
    return _cut(count, size, rng)


def _cut(count: int, size: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    left = np.empty(0, np.int64)
    while True:
        while len(left) < size:
            left = np.concatenate([left, rng.permutation(count)])
        rows, left = left[:size], left[size:]
        yield rows
