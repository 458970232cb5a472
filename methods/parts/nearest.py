"""The nearest-code search that methods share, in bounded memory."""

from __future__ import annotations

import torch
from torch import Tensor

CHUNK = 2**24
"""Distances held at once: 64 MiB in float32."""


def nearest_codes(z: Tensor, codebook: Tensor) -> Tensor:
    """Index of the nearest code in Euclidean distance; the full distance matrix is never held.

    Args:
        z: float32 [N, D].
        codebook: float32 [K, D].

    Returns:
        int64 [N]; of equally near codes the first.
    """
    squares = codebook.square().sum(1)
    rows = max(1, CHUNK // len(codebook))
    # |z|^2 is the same for all codes of a row, and leaving it out loses no digits to it
    return torch.cat([torch.addmm(squares, part, codebook.T, alpha=-2).argmin(1) for part in z.split(rows)])
