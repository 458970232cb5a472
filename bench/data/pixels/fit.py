"""How an image of any shape becomes a square, and its boxes with it."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from PIL import Image

from bench.errors import DataError

Fit = Literal["crop", "stretch"]
"""crop: the central square of the short side. stretch: all of the image, its aspect ratio lost."""
LONGEST = 4
"""Times the short side; what is longer loses its ends before a random crop is taken."""
VISIBLE = 0.5
"""Share of a box that has to be left."""

Rectangle = tuple[float, float, float, float]
"""Four numbers; a docstring says which: edges, or one point and the two lengths."""


class Strip(NamedTuple):
    """An image as wide as its short side: uint8 [L, S, 3] with L >= S. turned: the long side was the horizontal one."""

    pixels: np.ndarray
    turned: bool


def window(width: int, height: int, fit: Fit) -> Rectangle:
    """What of an image of this size is kept: (left, top, right, bottom) in pixels."""
    if fit == "stretch":
        return 0, 0, width, height
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    return left, top, left + side, top + side


def square(image: Image.Image, size: int, fit: Fit) -> np.ndarray:
    """The image as a square, uint8 [S, S, 3]: Pillow's antialiased bilinear filter, as torchvision resizes images."""
    box = window(*image.size, fit)
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR, box=box))


def square_mask(mask: Image.Image, size: int, fit: Fit) -> np.ndarray:
    """The mask as a square, uint8 [S, S]: class ids of the nearest pixels."""
    return np.asarray(mask.resize((size, size), Image.Resampling.NEAREST, box=window(*mask.size, fit)))


def strip(image: Image.Image, size: int) -> Strip:
    """The short side resized to `size`, the long one along, for random crops."""
    turned = image.width > image.height
    short, long = sorted(image.size)
    long_kept = min(long, LONGEST * short)
    length = max(size, round(size * long_kept / short))
    start = (long - long_kept) / 2
    box = (start, 0, start + long_kept, short) if turned else (0, start, short, start + long_kept)
    shape = (length, size) if turned else (size, length)
    pixels = np.asarray(image.resize(shape, Image.Resampling.BILINEAR, box=box))
    return Strip(np.ascontiguousarray(pixels.swapaxes(0, 1)) if turned else pixels, turned)


def box_in_square(box: Rectangle, width: int, height: int, fit: Fit) -> Rectangle | None:
    """A box in an image as a box in its square; None where the square cuts more than half of it away.

    Args:
        box: (left, top, width, height) in pixels.
        width, height: of the image.

    Returns:
        (centre x, centre y, width, height) as fractions of the square.

    Raises:
        DataError: it has no area, or more than half of it lies outside the image.
    """
    left, top, wide, tall = box
    if wide / width <= 0 or tall / height <= 0:  # a positive length may be too small for a fraction
        raise DataError("a box of no area")
    right, bottom = min(left + wide, width), min(top + tall, height)
    left, top = max(left, 0.0), max(top, 0.0)
    if (right - left) * (bottom - top) < VISIBLE * wide * tall or right <= left or bottom <= top:
        raise DataError(f"a box outside the image: {', '.join(f'{value:g}' for value in box)}")
    area = (right - left) * (bottom - top)
    start_x, start_y, end_x, end_y = window(width, height, fit)
    left, right = (min(max(x, start_x), end_x) for x in (left, right))
    top, bottom = (min(max(y, start_y), end_y) for y in (top, bottom))
    if right <= left or bottom <= top or (right - left) * (bottom - top) < VISIBLE * area:
        return None
    across, down = end_x - start_x, end_y - start_y
    center = ((left + right) / 2 - start_x) / across, ((top + bottom) / 2 - start_y) / down
    return (*center, (right - left) / across, (bottom - top) / down)
