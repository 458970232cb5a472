"""LPIPS of each image to its original."""

from __future__ import annotations

import numpy as np
import torch

from bench.features.perceptual import LpipsNetwork
from bench.images import to_float
from bench.registry import metrics

BATCH = 50

PROTOCOL = {"lpips": "version 0.1, on uint8 images at their own size, no dropout"}


@metrics.register("lpips", higher_is_better=False, unit="")
@torch.inference_mode()
def lpips(network: LpipsNetwork, images: np.ndarray, originals: np.ndarray) -> np.ndarray:
    """LPIPS of each image uint8 [N, H, W, 3] to its original, float64 [N], computed on the network's device.

    Raises:
        ValueError: the images are smaller than what the backbone can see, or differ in shape.
    """
    if images.shape != originals.shape or min(images.shape[1:3]) < network.smallest:
        wanted = f"equal shape and at least {network.smallest} px"
        raise ValueError(f"expected images of {wanted}, got {images.shape} and {originals.shape}")
    device = network.get_buffer("shift").device
    values = []
    for start in range(0, len(images), BATCH):
        pair = (to_float(part[start : start + BATCH], device) for part in (images, originals))
        values.append(network(*pair).double().cpu())
    return torch.cat(values).numpy()
