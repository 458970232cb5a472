"""Emoji scenes as pixels and masks."""

from __future__ import annotations

import numpy as np

from bench.data.emoji.art import sprite
from bench.data.emoji.language import Scene

COLORS = {
    "white": (244, 244, 244), "pink": (246, 170, 190), "yellow": (240, 222, 110), "green": (132, 196, 130),
    "blue": (112, 162, 226), "purple": (164, 124, 204), "brown": (150, 108, 76), "black": (46, 46, 54),
}  # fmt: skip
TEXTURES = ("plain", "striped", "checked", "dotted")


def texture_step(size: int) -> int:
    """Pixels of a stripe; a texture repeats after two."""
    return max(1, size // 8)


def ground(color: str, texture: str, size: int, contrast: int) -> np.ndarray:
    """The background of a scene: float32 [S, S, 3], 0 to 255.

    contrast: levels by which the texture is darker and lighter than the colour.
    """
    row, column = np.divmod(np.arange(size * size).reshape(size, size), size)
    step = texture_step(size)
    pattern = {
        "plain": np.zeros((size, size)),
        "striped": np.where(row // step % 2, 1, -1),
        "checked": np.where((row // step + column // step) % 2, 1, -1),
        "dotted": np.where((row // step % 2) * (column // step % 2), -2, 0.4),
    }[texture]
    pixels: np.ndarray = np.clip(np.asarray(COLORS[color]) + contrast * pattern[..., None], 0, 255)
    return pixels.astype(np.float32)


def paint_objects(
    scene: Scene, pixels: np.ndarray, mask: np.ndarray, sides: tuple[float, ...], rng: np.random.Generator
) -> list[tuple[float, float, float, float]]:
    """Paint the objects into pixels, float32 [S, S, 3], and their class ids (kind + 1) into mask, uint8 [S, S].

    Args:
        sides: the longer side of an object is one of these fractions of the scene.

    Returns:
        The box of each object: (centre x, centre y, width, height) as fractions of the scene.
    """
    size, half = len(pixels), len(pixels) // 2
    boxes = []
    for kind, corner in zip(scene.kinds, scene.corners, strict=True):
        art = sprite(kind, int(size * sides[rng.integers(0, len(sides))]))
        height, width = art.solid.shape
        row, column = divmod(corner, 2)
        top = row * half + int(rng.integers(0, half - height + 1))
        left = column * half + int(rng.integers(0, half - width + 1))
        window = np.s_[top : top + height, left : left + width]
        pixels[window] = pixels[window] * (1 - art.alpha) + art.pixels
        mask[window][art.solid] = kind + 1
        tall, wide = art.bottom - art.top, art.right - art.left
        center = (left + art.left + wide / 2, top + art.top + tall / 2)
        boxes.append((center[0] / size, center[1] / size, wide / size, tall / size))
    return boxes
