"""emoji-scenes: one to three emoji in the corners of a coloured ground, with captions, questions, boxes and masks."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from typing_extensions import override

from bench.contracts.arguments import Seed
from bench.contracts.data import Box, DataSet, Split
from bench.data.emoji.art import ART_SHA256, NAMES, sprite
from bench.data.emoji.language import PLACES, Scene, captions, questions
from bench.data.pixels import prepared
from bench.registry import datasets
from bench.system import fingerprint
from bench.system.kept import kept_folder

COLORS = {
    "white": (244, 244, 244), "pink": (246, 170, 190), "yellow": (240, 222, 110), "green": (132, 196, 130),
    "blue": (112, 162, 226), "purple": (164, 124, 204), "brown": (150, 108, 76), "black": (46, 46, 54),
}  # fmt: skip
TEXTURES = ("plain", "striped", "checked", "dotted")
CONTRAST = 8
"""Levels by which a texture is darker and lighter than its colour."""
SIDES = (0.40, 0.43, 0.46, 0.49)
"""Longer side of an object as a fraction of the scene: as large as fits a corner."""
NOVEL_STEPS = (5, 11, 21, 27)
"""Kinds so many places apart (on a ring of all kinds) are seen together in "test-novel-pairs" only: each kind makes
novel pairs with four others."""
BUCKETS = {"test": (0,), "validation": (1,), "train": tuple(range(2, 16))}
"""Sixteenths of all arrangements that a split may draw from (see `_bucket`), so that no two splits share a scene."""


@datasets.register("emoji-scenes", offers=("captions", "questions", "boxes", "masks"))
@dataclass(frozen=True)
class EmojiScenes(DataSet):
    """Composed from Twemoji: 32 kinds of object, 4 corners, 8 colours; captions, questions, boxes, masks.

    seed: of all scenes. Scenes of a split are a stream, of which the limits take the first.
    """

    seed: Seed = 0
    splits: ClassVar[tuple[str, ...]] = ("train", "validation", "test", "test-novel-pairs")
    counts: ClassVar[Mapping[str, int]] = {"train": 24_000, "validation": 2_000, "test": 2_000}

    @override
    def fingerprint(self) -> str:
        return fingerprint.of_value(
            [self.size, {name: self._count(name) for name in self.splits}, self.seed, ART_SHA256]
        )

    @override
    def split(self, name: str, cache: Path) -> Split:
        code = fingerprint.of_code([Path(__file__)])
        key = fingerprint.of_value([self.size, self._count(name), self.seed, ART_SHA256, code])[:16]
        folder = cache / "data" / f"emoji-scenes-{key}" / name
        return kept_folder(folder, lambda scratch: self._prepare(name, scratch), lambda kept: prepared.read(name, kept))

    def _count(self, name: str) -> int:
        kind = "test" if name.startswith("test") else name
        return self.limits.get(kind, self.counts[kind])

    def _prepare(self, name: str, folder: Path) -> None:
        count = self._count(name)
        writer = prepared.Writer(folder, count, self.size, masks=True)
        assert writer.masks is not None
        rng = np.random.default_rng([self.seed, self.splits.index(name)])
        notes = prepared.Annotations()
        grounds = {(color, texture): ground(color, texture, self.size) for color in COLORS for texture in TEXTURES}
        for image, scene in enumerate(itertools.islice(_scenes(name, rng), count)):
            # textures start anywhere: aligned with a grid of codes, they would cost next to nothing
            shift = rng.integers(0, 2 * texture_step(self.size), 2)
            pixels = np.roll(grounds[scene.color, scene.texture], shift, (0, 1))
            boxes = paint_objects(scene, pixels, writer.masks[image], rng)
            writer.images[image] = np.round(pixels)
            notes.captions.append(captions(scene, rng))
            notes.questions += questions(scene, image, rng)
            notes.boxes += [Box(image, f"the {NAMES[kind]}", box) for kind, box in zip(scene.kinds, boxes, strict=True)]
        writer.finish(notes)


def is_novel_pair(kind: int, other: int) -> bool:
    """Whether two kinds are together in scenes of "test-novel-pairs" only."""
    return (kind - other) % len(NAMES) in NOVEL_STEPS


def _scenes(split: str, rng: np.random.Generator) -> Iterator[Scene]:
    """An endless stream of the scenes of a split; number, corners, colours and textures are uniform, kinds nearly."""
    colors, novel = tuple(COLORS), split == "test-novel-pairs"
    while True:
        number = int(rng.integers(2 if novel else 1, 4))
        kinds = tuple(rng.permutation(len(NAMES))[:number].tolist())
        while any(is_novel_pair(*pair) for pair in itertools.combinations(kinds, 2)) is not novel:
            kinds = tuple(rng.permutation(len(NAMES))[:number].tolist())
        corners = tuple(rng.permutation(len(PLACES))[:number].tolist())
        color, texture = rng.integers(0, (len(colors), len(TEXTURES)))
        scene = Scene(kinds, corners, colors[color], TEXTURES[texture])
        if novel or _bucket(scene) in BUCKETS[split]:
            yield scene


def _bucket(scene: Scene) -> int:
    """Hash of an arrangement, 0 to 15; the order in which its objects are listed does not count."""
    placed = sorted(zip(scene.corners, scene.kinds, strict=True))
    return zlib.crc32(repr((placed, scene.color, scene.texture)).encode()) % 16


def texture_step(size: int) -> int:
    """Pixels of a stripe; a texture repeats after two."""
    return max(1, size // 8)


def ground(color: str, texture: str, size: int) -> np.ndarray:
    """The background of a scene: float32 [S, S, 3], 0 to 255."""
    row, column = np.divmod(np.arange(size * size).reshape(size, size), size)
    step = texture_step(size)
    pattern = {
        "plain": np.zeros((size, size)),
        "striped": np.where(row // step % 2, 1, -1),
        "checked": np.where((row // step + column // step) % 2, 1, -1),
        "dotted": np.where((row // step % 2) * (column // step % 2), -2, 0.4),
    }[texture]
    pixels: np.ndarray = np.clip(np.asarray(COLORS[color]) + CONTRAST * pattern[..., None], 0, 255)
    return pixels.astype(np.float32)


def paint_objects(
    scene: Scene, pixels: np.ndarray, mask: np.ndarray, rng: np.random.Generator
) -> list[tuple[float, float, float, float]]:
    """Paint the objects into pixels, float32 [S, S, 3], and their class ids (kind + 1) into mask, uint8 [S, S].

    Returns:
        The box of each object: (centre x, centre y, width, height) as fractions of the scene.
    """
    size, half = len(pixels), len(pixels) // 2
    boxes = []
    for kind, corner in zip(scene.kinds, scene.corners, strict=True):
        art = sprite(kind, int(size * SIDES[rng.integers(0, len(SIDES))]))
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
