"""Training images as a method sees them: random crops and flips, drawn anew each time, the same for the same seed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np

from bench.contracts.data import Split, Strips
from bench.errors import DataError


class TrainingView:
    """Reads like images uint8 [N, S, S, 3] by rows; each reading draws a crop and, where asked, a flip."""

    def __init__(self, images: np.ndarray, strips: Strips | None, flip: bool, seed: int) -> None:
        self.images, self.strips, self.flip = images, strips, flip
        self.generator = np.random.default_rng([seed, 1])
        self.shape = images.shape

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        """uint8 [len(rows), S, S, 3]"""
        found = np.asarray(self.images[rows]) if self.strips is None else self._crops(self.strips, rows)
        if self.flip:
            flipped = self.generator.random(len(found)) < 0.5
            found = np.where(flipped[:, None, None, None], found[:, :, ::-1], found)
        return found

    def _crops(self, strips: Strips, rows: np.ndarray) -> np.ndarray:
        size = self.shape[1]
        found = np.empty((len(rows), *self.shape[1:]), np.uint8)
        room = strips.starts[rows + 1] - strips.starts[rows] - size
        for place, (row, offset) in enumerate(zip(rows, self.generator.integers(0, room + 1), strict=True)):
            start = strips.starts[row] + offset
            crop = strips.pixels[start : start + size]
            found[place] = crop.swapaxes(0, 1) if strips.turned[row] else crop
        return found


def for_training(split: Split, seed: int) -> Split:
    """The split whose images are read as the data set's training transform has it; itself where there is none."""
    if split.strips is None and not split.flip:
        return split
    view = TrainingView(split.images, split.strips, split.flip, seed)
    return replace(split, images=cast(np.ndarray, view))  # it is read by rows, and nothing else is done with it


def write_index(folder: Path, lengths: list[int], turned: list[bool]) -> None:
    """Beside strips.npy, what says where each image begins."""
    (folder / "strips.json").write_text(json.dumps({"lengths": lengths, "turned": turned}), encoding="utf-8")


def read_strips(folder: Path) -> Strips | None:
    """The strips of a prepared split, None where it has none.

    Raises:
        DataError: the folder is damaged.
    """
    if not (folder / "strips.json").exists():
        return None
    try:
        index = json.loads((folder / "strips.json").read_text(encoding="utf-8"))
        starts = np.concatenate([[0], np.cumsum(np.asarray(index["lengths"], np.int64))])
        pixels = np.load(folder / "strips.npy", mmap_mode="r", allow_pickle=False)
        if len(pixels) != starts[-1] or len(index["turned"]) != len(starts) - 1:
            raise ValueError("the index does not fit the pixels")
        return Strips(pixels, starts, np.asarray(index["turned"], bool))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{folder} is damaged ({error}); delete it and it is prepared anew") from error
