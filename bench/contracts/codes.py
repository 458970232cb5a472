"""One split of a data set as a trained tokenizer sees it: what every task works on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from bench.contracts.method import WordPredictor


def lookup(codebook: Tensor, indices: Tensor) -> Tensor:
    """Code vectors of indices.

    Args:
        codebook: [K, D], or [L, K, D] for residual levels, whose vectors add up.
        indices: int64 [..., h, w], or [..., h, w, L].

    Returns:
        [..., h, w, D]
    """
    if codebook.ndim == 2:
        return F.embedding(indices, codebook)
    return torch.stack([F.embedding(indices[..., level], table) for level, table in enumerate(codebook)]).sum(0)


@dataclass(frozen=True)
class Codes:
    """Memory-mapped codes of N images.

    array: int [N, h, w] or [N, h, w, L]; float [N, h, w, D] where the method is not discrete.
    decode: maps rows of `array`, as a tensor, to images [B, 3, H, W] in [-1, 1]; from the trained tokenizer.
    words: predicts masked words from code vectors, where the tokenizer was trained to.
    """

    array: np.ndarray
    codebook: Tensor
    discrete: bool
    decode: Callable[[Tensor], Tensor]
    words: WordPredictor | None = None

    def __len__(self) -> int:
        return len(self.array)

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of the code grid, (h, w)."""
        return int(self.array.shape[1]), int(self.array.shape[2])

    @property
    def width(self) -> int:
        """Width D of a code vector."""
        return int(self.codebook.shape[-1]) if self.discrete else int(self.array.shape[-1])

    def rows(self, rows: np.ndarray, device: torch.device) -> Tensor:
        """The stored codes of some images: int64 indices, or float32 vectors."""
        picked = torch.tensor(self.array[rows])
        return picked.to(device, torch.int64 if self.discrete else torch.float32)

    def vectors(self, rows: np.ndarray, device: torch.device) -> Tensor:
        """Code vectors [B, h*w, D] of some images."""
        picked = self.rows(rows, device)
        found = lookup(self.codebook.to(device), picked) if self.discrete else picked
        return found.flatten(1, 2)
