"""Masks of objects as MS-COCO's files have them: polygons, or the run lengths of crowds."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw
from typing_extensions import override

from bench.data.reading.examples import Mask
from bench.data.reading.json_rows import numbers
from bench.errors import DataError


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
                    if np.abs(outline).max() > 2 * max(size) or len(outline) < 6:
                        raise DataError("a polygon that lies far outside the image or has fewer than three corners")
                    pencil.polygon(outline.tolist(), fill=label)
        return mask


def outlines_in(value: object) -> tuple[np.ndarray, ...] | None:
    """The outlines of a row's "segmentation", see `Segments`; None where it is something else."""
    if isinstance(value, dict):
        runs = numbers(value.get("counts"))
        return None if not runs or min(runs) < 0 or sum(runs) > 2**31 else (np.asarray(runs, np.int64),)
    if not isinstance(value, list) or not value:
        return None
    polygons = [numbers(polygon) for polygon in value]
    if any(polygon is None or len(polygon) % 2 for polygon in polygons):
        return None
    return tuple(np.asarray(polygon, np.float32) for polygon in polygons if polygon)


def _from_runs(runs: np.ndarray, size: tuple[int, int]) -> Image.Image:
    """The mask, 0 and 255, of alternating lengths of outside and inside, column by column."""
    width, height = size
    if runs.sum() != width * height:
        raise DataError("run lengths that do not fit the image")
    values = np.fromiter(itertools.islice(itertools.cycle((0, 255)), len(runs)), np.uint8, len(runs))
    return Image.fromarray(np.ascontiguousarray(np.repeat(values, runs).reshape(width, height).T))
