"""The worst patch: a mean over the image hides a small object that the codes have lost."""

import numpy as np

from bench.metrics.image import PSNR_CAP
from bench.registry import metrics

SIDE = 8


@metrics.register("worst_patch_psnr", higher_is_better=True, unit="dB", compares="images")
def worst_patch_psnr(made: np.ndarray, originals: np.ndarray) -> np.ndarray:
    """PSNR of each image's worst 8x8 patch, float64 [N]; a border narrower than a patch is left out."""
    squares = np.square(made.astype(np.float64) - originals).mean(3)  # [N, H, W]
    count, rows, columns = len(squares), squares.shape[1] // SIDE, squares.shape[2] // SIDE
    patches = squares[:, : rows * SIDE, : columns * SIDE].reshape(count, rows, SIDE, columns, SIDE)
    worst = patches.mean((2, 4)).max((1, 2))
    decibels: np.ndarray = 10 * np.log10(255**2 / worst.clip(min=255**2 / 10 ** (PSNR_CAP / 10)))
    return decibels
