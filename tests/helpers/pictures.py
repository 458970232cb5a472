"""Images and features that tests of metrics make up."""

from __future__ import annotations

import numpy as np
import torch
from scipy.ndimage import gaussian_filter


def pictures(count: int, size: int = 32, seed: int = 0) -> np.ndarray:
    """Smooth random images, uint8 [N, S, S, 3]."""
    noise = np.random.default_rng(seed).normal(size=(count, size, size, 3))
    smooth = gaussian_filter(noise, (0, 3, 3, 0), mode="wrap")
    return np.clip(128 + 60 * smooth / smooth.std(), 0, 255).astype(np.uint8)


def worse(images: np.ndarray, noise: float, blur: float, seed: int = 1) -> np.ndarray:
    """The images with noise (levels) and blur (pixels)."""
    degraded = gaussian_filter(images.astype(float), (0, blur, blur, 0)) if blur else images.astype(float)
    degraded = degraded + np.random.default_rng(seed).normal(size=images.shape) * noise
    return np.clip(np.round(degraded), 0, 255).astype(np.uint8)


def features(count: int, width: int, seed: int) -> torch.Tensor:
    """Standard normal, float64 [count, width]."""
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
