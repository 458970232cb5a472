"""Batches of rows: the order in which a training sees its examples."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from bench.system import streams


def shuffled(count: int, size: int, rng: np.random.Generator) -> Batches:
    """Endless batches of row numbers, int64 [size]: random permutations of all rows, one behind the other, cut up.

    A batch may span two permutations, and more where it is larger than `count`. A permutation is drawn when a batch
    first needs it, so `rng` may serve other draws between two batches.

    Raises:
        ValueError: there are no rows.
    """
    if count < 1:
        raise ValueError("no rows to draw batches from")
    return Batches(count, size, rng)


class Batches(Iterator[np.ndarray]):
    """See `shuffled`. Its state is what is left of a permutation, and that of the generator."""

    def __init__(self, count: int, size: int, rng: np.random.Generator) -> None:
        self.count, self.size, self.rng = count, size, rng
        self._left = np.empty(0, np.int64)

    def __next__(self) -> np.ndarray:
        """The next rows, int64 [size]."""
        while len(self._left) < self.size:
            self._left = np.concatenate([self._left, self.rng.permutation(self.count)])
        rows, self._left = self._left[: self.size], self._left[self.size :]
        return rows

    def state_dict(self) -> dict[str, Any]:
        """Where it stands."""
        return {"left": torch.from_numpy(self._left), "generator": streams.state_of(self.rng)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from where another one for as many rows stood.

        Raises:
            ValueError: it was for other rows.
        """
        left = state["left"].numpy()
        if len(left) and not 0 <= left.min() <= left.max() < self.count:
            raise ValueError(f"batches of {self.count} rows cannot go on from those of another number")
        streams.set_state(self.rng, state["generator"])
        self._left = left
