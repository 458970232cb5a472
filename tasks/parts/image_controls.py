"""What stands for an image where a task shows what its codes are worth: its codes, their mean, another image's."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor

from bench.contracts.codes import Codes

BATCH = 64

Vectors = Callable[[np.ndarray], Tensor]
"""Numbers of test images to code vectors [B, h*w, D]."""

PROTOCOL = {
    "no-image": "mean code vector of the training images at each position",
    "shuffled-image": "code vectors of another test image",
}


def image_controls(codes: Mapping[str, Codes], draw: np.random.Generator, device: torch.device) -> dict[str, Vectors]:
    """Variant to what stands for the test images; "" are the images themselves."""
    test, mean = codes["test"], mean_vectors(codes["train"], device)
    other = derangement(len(test), draw)
    return {
        "": lambda rows: test.vectors(rows, device),
        "no-image": lambda rows: mean.expand(len(rows), -1, -1),
        "shuffled-image": lambda rows: test.vectors(other[rows], device),
    }


def derangement(count: int, draw: np.random.Generator) -> np.ndarray:
    """A permutation of `count` numbers that leaves none in its place (where there are two or more): one cycle."""
    cycle = draw.permutation(count)
    other = np.empty_like(cycle)
    other[cycle] = np.roll(cycle, 1)
    return other


def mean_vectors(codes: Codes, device: torch.device) -> Tensor:
    """Mean code vector at each position, float32 [h*w, D]."""
    total = torch.zeros(codes.grid[0] * codes.grid[1], codes.width, dtype=torch.float64)
    for start in range(0, len(codes), BATCH):
        rows = np.arange(start, min(start + BATCH, len(codes)))
        total += codes.vectors(rows, device).double().sum(0).cpu()
    return (total / len(codes)).float().to(device)
