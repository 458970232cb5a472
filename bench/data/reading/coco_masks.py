"""Masks of objects as MS-COCO's files have them: polygons, or run lengths, as numbers or packed into a text."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw
from typing_extensions import override

from bench.data.reading.examples import Mask
from bench.data.reading.json_rows import numbers
from bench.errors import DataError

MOST_DIGITS = 7
"""Characters of one packed number: 35 bits, more than any image has pixels."""


@dataclass(frozen=True)
class Segments(Mask):
    """A mask from class ids and outlines of an image's objects, largest first.

    An outline is polygons, float32 [n] of x, y, x, y ..., or the run lengths of a column-wise mask, int64 [n].
    """

    objects: tuple[tuple[int, tuple[np.ndarray, ...]], ...]

    @override
    def paint(self, size: tuple[int, int]) -> Image.Image:
        mask = Image.new("L", size)
        pencil = ImageDraw.Draw(mask)
        for label, outlines in self.objects:
            for outline in outlines:
                if outline.dtype == np.int64:
                    mask.paste(label, mask=_from_runs(outline, size))
                else:
                    pencil.polygon(outline.tolist(), fill=label)
        return mask


def outlines_in(value: object, size: tuple[int, int]) -> tuple[tuple[np.ndarray, ...], str]:
    """The usable outlines of a row's "segmentation", see `Segments`, and what is wrong with the others, if anything.

    Args:
        size: (width, height) of the image.
    """
    if isinstance(value, dict):
        counts = value.get("counts")
        runs = _unpacked(counts) if isinstance(counts, str) else numbers(counts)
        if not runs or min(runs) < 0 or sum(runs) != size[0] * size[1]:
            return (), "run lengths that do not fit the image"
        return (np.asarray(runs, np.int64),), ""
    if not isinstance(value, list) or not value:
        return (), "no outline"
    polygons = [_corners(polygon, size) for polygon in value]
    usable = tuple(polygon for polygon in polygons if polygon is not None)
    fault = "a polygon that has fewer than three corners, lies far outside the image or is no list of numbers"
    return usable, "" if len(usable) == len(polygons) else fault


def _corners(value: object, size: tuple[int, int]) -> np.ndarray | None:
    """A polygon's x, y, x, y ...; None where it cannot be drawn."""
    corners = numbers(value)
    if corners is None or len(corners) < 6 or len(corners) % 2 or max(map(abs, corners)) > 2 * max(size):
        return None
    return np.asarray(corners, np.float32)


def _unpacked(text: str) -> tuple[int, ...] | None:
    """Run lengths out of the text that COCO's tools write them as; None where it is something else.

    A character carries five bits of a number, the lowest first, and whether more follow; from the fourth number on it
    is the difference to the one before the last. pycocotools would read past the end of a text that breaks off.
    """
    runs: list[int] = []
    value = digits = 0
    for character in text:
        code = ord(character) - 48
        if not 0 <= code < 64 or digits == MOST_DIGITS:
            return None
        value |= (code & 31) << 5 * digits
        digits += 1
        if not code & 32:
            if code & 16:
                value -= 1 << 5 * digits
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            value = digits = 0
    return tuple(runs) if not digits else None


def _from_runs(runs: np.ndarray, size: tuple[int, int]) -> Image.Image:
    """The mask, 0 and 255, of alternating lengths of outside and inside, column by column."""
    width, height = size
    if runs.sum() != width * height:
        raise DataError("run lengths that do not fit the image")
    values = np.fromiter(itertools.islice(itertools.cycle((0, 255)), len(runs)), np.uint8, len(runs))
    return Image.fromarray(np.ascontiguousarray(np.repeat(values, runs).reshape(width, height).T))
