"""Training images as a method sees them: random crops and flips, drawn anew each time, the same for the same seed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from bench.contracts.data import Images, Split, Strips
from bench.system import streams


class TrainingView:
    """Images uint8 [N, S, S, 3] that are read by rows; each reading draws a crop and, where asked, a flip.

    images: what is read where there are no strips. strips: what crops are cut from. flip: whether half of the images
    are mirrored.
    """

    def __init__(self, images: np.ndarray, strips: Strips | None, flip: bool, seed: int) -> None:
        self.images, self.strips, self.flip = images, strips, flip
        self.rng = streams.generator(seed, "crops")
        self.shape: tuple[int, ...] = images.shape

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        """Images uint8 [len(rows), S, S, 3]."""
        pixels = np.asarray(self.images[rows]) if self.strips is None else self._crops(self.strips, rows)
        if not self.flip:
            return pixels
        flipped = self.rng.random(len(pixels)) < 0.5
        return np.where(flipped[:, None, None, None], pixels[:, :, ::-1], pixels)

    def _crops(self, strips: Strips, rows: np.ndarray) -> np.ndarray:
        size = self.shape[1]
        pixels = np.empty((len(rows), *self.shape[1:]), np.uint8)
        room = strips.starts[rows + 1] - strips.starts[rows] - size
        for place, (row, offset) in enumerate(zip(rows, self.rng.integers(0, room + 1), strict=True)):
            start = strips.starts[row] + offset
            crop = strips.pixels[start : start + size]
            pixels[place] = crop.swapaxes(0, 1) if strips.turned[row] else crop
        return pixels


def training_images(split: Split, seed: int) -> Images:
    """The split's images as the data set's training transform has them; as they are where there is none."""
    if split.strips is None and not split.flip:
        return split.images
    return TrainingView(split.images, split.strips, split.flip, seed)


def write_index(folder: Path, lengths: list[int], turned: list[bool]) -> None:
    """Write, beside strips.npy, where each image begins; lengths: rows of each, turned: see `Strip`."""
    (folder / "strips.json").write_text(json.dumps({"lengths": lengths, "turned": turned}), encoding="utf-8")


def read_strips(folder: Path) -> Strips | None:
    """The strips of a prepared split, None where it has none.

    Raises:
        OSError, EOFError, LookupError, TypeError, ValueError: the folder is damaged; see `bench.system.kept`.
    """
    if not (folder / "strips.json").exists():
        return None
    index = json.loads((folder / "strips.json").read_text(encoding="utf-8"))
    starts = np.concatenate([[0], np.cumsum(np.asarray(index["lengths"], np.int64))])
    pixels = np.load(folder / "strips.npy", mmap_mode="r", allow_pickle=False)
    if len(pixels) != starts[-1] or len(index["turned"]) != len(starts) - 1:
        raise ValueError("the index does not fit the pixels")
    return Strips(pixels, starts, np.asarray(index["turned"], bool))
