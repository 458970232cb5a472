"""What a transformer has read, kept as keys and values, so that it reads each position once (KV cache)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from bench.tasks.parts.networks.attention import KeysValues


class Growing:
    """Keys and values of a growing sequence: an `attention.Kept`.

    shape: of each of both when all is read, (rows, heads, length, W / heads).
    """

    def __init__(self, shape: tuple[int, int, int, int], device: torch.device) -> None:
        self.filled = 0
        self.both = torch.empty((2, *shape), device=device)

    def read(self, compute: Callable[[], KeysValues]) -> KeysValues:
        """What was there before, and behind it what is computed."""
        key, value = compute()
        start, self.filled = self.filled, self.filled + key.shape[2]
        new = slice(start, self.filled)
        self.both[0, :, :, new], self.both[1, :, :, new] = key, value
        key, value = self.both[:, :, :, : self.filled]
        return key, value

    def pick(self, rows: Tensor) -> None:
        """Go on with these rows, int64 [R'], some perhaps several times."""
        picked = self.both.new_empty((2, len(rows), *self.both.shape[2:]))
        picked[:, :, :, : self.filled] = self.both[:, rows, :, : self.filled]
        self.both = picked


class Once:
    """Keys and values of a context, which stays the same: an `attention.Kept`."""

    def __init__(self) -> None:
        self.computed: KeysValues | None = None

    def read(self, compute: Callable[[], KeysValues]) -> KeysValues:
        """What the first call computed."""
        if self.computed is None:
            self.computed = compute()
        return self.computed
