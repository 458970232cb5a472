"""Controls for image information: an image's own codes, the mean code (no image), and another image's codes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np
import torch
from torch import Tensor

from bench.contracts.codes import Codes
from bench.contracts.result import TaskResult

BATCH = 64

Vectors = Callable[[np.ndarray], Tensor]
"""Numbers of B images of a split to their code vectors [B, h*w, D]."""

PROTOCOL = {
    "no-image": "mean code vector of the training images at each position",
    "shuffled-image": "code vectors of another test image",
}


def own_vectors(codes: Codes | None, device: torch.device) -> Vectors:
    """Each image's own code vectors; for a blind baseline (codes None) images without any code, [B, 0, 0]."""
    if codes is None:
        return lambda rows: no_codes(rows, device)
    return lambda rows: codes.vectors(rows, device)


def no_codes(rows: np.ndarray, device: torch.device) -> Tensor:
    """Images without any code: [B, 0, 0]."""
    return torch.empty(len(rows), 0, 0, device=device)


def image_controls(codes: Mapping[str, Codes], rng: np.random.Generator, device: torch.device) -> dict[str, Vectors]:
    """The code vectors of test images ("") and of their controls ("no-image", "shuffled-image"), by variant.

    Of a single test image there is no "shuffled-image".
    """
    test, mean = codes["test"], mean_vectors(codes["train"], device)
    other = derangement(len(test), rng)  # to the number of another image, [images]
    controls: dict[str, Vectors] = {
        "": own_vectors(test, device),
        "no-image": lambda rows: mean.expand(len(rows), -1, -1),
    }
    if len(test) > 1:
        controls["shuffled-image"] = lambda rows: test.vectors(other[rows], device)
    return controls


def skip_missing(result: TaskResult, controls: Mapping[str, Vectors], metrics: Iterable[str]) -> None:
    """Say of metrics that the control with another image cannot be had."""
    if "shuffled-image" not in controls:
        for metric in metrics:
            result.skip(f"{metric}@shuffled-image", "the test split has one image, and no other to show in its place")


def derangement(count: int, rng: np.random.Generator) -> np.ndarray:
    """A random permutation of `count` numbers, int64 [count], with none in its own place (if there are two or more).

    It is one cycle through all numbers.
    """
    cycle = rng.permutation(count)
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
