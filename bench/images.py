"""Images as pixels: conversion between float and uint8, and grids to look at.

Every metric sees uint8 images that come from here, so no two of them can round differently.
"""

from __future__ import annotations

import io

import numpy as np
import torch
from PIL import Image
from torch import Tensor

GAP = 2
"""White pixels between the images of a grid."""


def to_uint8(images: Tensor) -> np.ndarray:
    """Float [B, 3, H, W] in [-1, 1] to uint8 [B, H, W, 3]: 127.5 (x + 1), clamped, halves rounded up.

    Raises:
        ValueError: a pixel is not finite.
    """
    pixels = images.detach().float().permute(0, 2, 3, 1).add(1).mul(127.5)
    if not bool(pixels.isfinite().all()):
        raise ValueError("an image holds a pixel that is not finite")
    return pixels.add(0.5).floor().clamp(0, 255).to(torch.uint8).cpu().numpy()


def to_float(pixels: np.ndarray, device: torch.device) -> Tensor:
    """uint8 [B, H, W, 3] to float [B, 3, H, W] in [-1, 1]: x / 127.5 - 1, as taming and LG-VQ have it."""
    tensor = torch.tensor(pixels).to(device, non_blocking=True)
    return tensor.permute(0, 3, 1, 2).float().div(127.5).sub(1).contiguous(memory_format=torch.channels_last)


def grid_png(images: np.ndarray, columns: int, scale: int = 1) -> bytes:
    """Images uint8 [N, H, W, 3] as a PNG, row by row, each pixel `scale` pixels wide; empty places are white."""
    count, height, width, _ = images.shape
    rows = -(-count // columns)
    tiles = np.full((rows * columns, height * scale + GAP, width * scale + GAP, 3), 255, np.uint8)
    tiles[:count, :-GAP, :-GAP] = images.repeat(scale, axis=1).repeat(scale, axis=2)
    sheet = tiles.reshape(rows, columns, *tiles.shape[1:]).swapaxes(1, 2)  # [rows, H, columns, W, 3]
    sheet = sheet.reshape(rows * tiles.shape[1], columns * tiles.shape[2], 3)[:-GAP, :-GAP]
    buffer = io.BytesIO()
    Image.fromarray(sheet).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def comparison_png(originals: np.ndarray, others: np.ndarray, columns: int, scale: int = 1) -> bytes:
    """Two sets uint8 [N, H, W, 3] as a PNG: each row of originals stands above the row of their counterparts."""
    rows = [
        images[start : start + columns] for start in range(0, len(originals), columns) for images in (originals, others)
    ]
    blank = np.full((columns, *originals.shape[1:]), 255, np.uint8)
    return grid_png(np.concatenate([np.concatenate([row, blank[len(row) :]]) for row in rows]), columns, scale)
