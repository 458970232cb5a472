"""A world of four kinds of image that a small generator learns in seconds."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from bench.contracts.codes import Codes
from bench.contracts.data import Split
from bench.images import to_float

CPU = torch.device("cpu")
COLORS = ("red", "green", "blue", "white")
PIXELS = np.array([(220, 30, 30), (30, 200, 30), (30, 30, 220), (240, 240, 240)], np.uint8)


def decode(indices: Tensor) -> Tensor:
    return to_float(PIXELS[indices.numpy()].repeat(8, axis=1).repeat(8, axis=2), CPU)


def world(count: int, seed: int) -> tuple[Codes, Split]:
    """Pictures of 2x2 squares: the upper two have the colour of the caption, the lower two the next colour."""
    generator = np.random.default_rng(seed)
    color = generator.integers(0, 4, count)
    array = np.stack([color, color, (color + 1) % 4, (color + 1) % 4], 1).reshape(count, 2, 2).astype(np.int32)
    captions = [[f"a {COLORS[number]} picture", f"{COLORS[number]} background"] for number in color]
    codes = Codes(array, torch.randn(4, 6), True, decode)
    return codes, Split("train", PIXELS[array].repeat(8, axis=1).repeat(8, axis=2), captions)
