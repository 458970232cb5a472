"""emoji-scenes: one to three emoji in the corners of a coloured ground, with captions, questions, boxes and masks."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np

from bench.contracts.data import Box, Split
from bench.data.emoji.art import ART_SHA256, NAMES, sprite
from bench.data.emoji.language import PLACES, captions, questions
from bench.data.pixels import prepared
from bench.registry import datasets
from bench.system import fingerprint
from bench.system.files import whole_folder

COLORS = {
    "white": (244, 244, 244), "pink": (246, 170, 190), "yellow": (240, 222, 110), "green": (132, 196, 130),
    "blue": (112, 162, 226), "purple": (164, 124, 204), "brown": (150, 108, 76), "black": (46, 46, 54),
}  # fmt: skip
TEXTURES = ("plain", "striped", "checked", "dotted")
CONTRAST = 8
"""Levels by which a texture is darker and lighter than its colour."""
SIDES = (0.40, 0.43, 0.46, 0.49)
"""Longer side of an object as a fraction of the scene: as large as fits a corner."""
HELD_OUT_STEPS = (5, 11, 21, 27)
"""Kinds so many places apart (on a ring of all kinds) are never seen together outside "test-novel-pairs": each kind
is held out with four others."""
BUCKETS = {"test": (0,), "validation": (1,), "train": tuple(range(2, 16))}
"""Share of all arrangements that a split may draw from, so that no two splits share a scene."""


class Scene(NamedTuple):
    """What is where. corners: 0 top left, 1 top right, 2 bottom left, 3 bottom right; all different."""

    kinds: tuple[int, ...]
    corners: tuple[int, ...]
    color: str
    texture: str


@datasets.register("emoji-scenes", offers=("captions", "questions", "boxes", "masks"))
@dataclass(frozen=True)
class EmojiScenes:
    """Composed from Twemoji: 32 kinds of object, 4 corners, 8 colours; captions, questions, boxes, masks.

    seed: of all scenes. Scenes of a split are a stream, of which the limits take the first.
    """

    size: int = 32
    limits: Mapping[str, int] = field(default_factory=dict)
    root: Path | None = None
    seed: int = 0
    splits: ClassVar[tuple[str, ...]] = ("train", "validation", "test", "test-novel-pairs")
    needs_root: ClassVar[bool] = False
    counts: ClassVar[Mapping[str, int]] = {"train": 24_000, "validation": 2_000, "test": 2_000}

    def fingerprint(self) -> str:
        """Arguments and art; the code around it is fingerprinted by the harness."""
        return fingerprint.of_value(
            [self.size, {name: self._count(name) for name in self.splits}, self.seed, ART_SHA256]
        )

    def split(self, name: str, cache: Path) -> Split:
        """See `bench.contracts.DataSet`.

        Raises:
            DataError: the art is missing.
        """
        code = fingerprint.of_code([Path(__file__)])
        key = fingerprint.of_value([self.size, self._count(name), self.seed, ART_SHA256, code])[:16]
        folder = cache / "data" / f"emoji-scenes-{key}" / name
        if not folder.exists():
            with whole_folder(folder) as scratch:
                self._prepare(name, scratch)
        return prepared.read(name, folder)

    def _count(self, name: str) -> int:
        kind = "test" if name.startswith("test") else name
        return self.limits.get(kind, self.counts[kind])

    def _prepare(self, name: str, folder: Path) -> None:
        count = self._count(name)
        writer = prepared.Writer(folder, count, self.size, masks=True)
        assert writer.masks is not None
        generator = np.random.default_rng([self.seed, self.splits.index(name)])
        notes = prepared.Annotations()
        grounds = {(color, texture): ground(color, texture, self.size) for color in COLORS for texture in TEXTURES}
        for image, scene in enumerate(itertools.islice(_scenes(name, generator), count)):
            # textures start anywhere: aligned with a grid of codes, they would cost next to nothing
            shift = generator.integers(0, 2 * texture_step(self.size), 2)
            pixels = np.roll(grounds[scene.color, scene.texture], shift, (0, 1))
            boxes = draw(scene, pixels, writer.masks[image], generator)
            writer.images[image] = np.round(pixels)
            notes.captions.append(captions(scene, generator))
            notes.questions += questions(scene, image, generator)
            notes.boxes += [Box(image, f"the {NAMES[kind]}", box) for kind, box in zip(scene.kinds, boxes, strict=True)]
        writer.finish(notes)


def held_out(kind: int, other: int) -> bool:
    """Whether two kinds are never together outside "test-novel-pairs"."""
    return (kind - other) % len(NAMES) in HELD_OUT_STEPS


def _scenes(split: str, generator: np.random.Generator) -> Iterator[Scene]:
    """An endless stream of the scenes of a split; number, corners, colours and textures are uniform, kinds nearly."""
    colors, novel = tuple(COLORS), split == "test-novel-pairs"
    while True:
        number = int(generator.integers(2 if novel else 1, 4))
        kinds = tuple(generator.permutation(len(NAMES))[:number].tolist())
        while any(held_out(*pair) for pair in itertools.combinations(kinds, 2)) is not novel:
            kinds = tuple(generator.permutation(len(NAMES))[:number].tolist())
        corners = tuple(generator.permutation(len(PLACES))[:number].tolist())
        color, texture = generator.integers(0, (len(colors), len(TEXTURES)))
        scene = Scene(kinds, corners, colors[color], TEXTURES[texture])
        if novel or _bucket(scene) in BUCKETS[split]:
            yield scene


def _bucket(scene: Scene) -> int:
    """A number from 0 to 15 that depends on what is where on which ground, and on nothing else."""
    placed = sorted(zip(scene.corners, scene.kinds, strict=True))
    return zlib.crc32(repr((placed, scene.color, scene.texture)).encode()) % 16


def texture_step(size: int) -> int:
    """Pixels of a stripe; a texture repeats after two."""
    return max(1, size // 8)


def ground(color: str, texture: str, size: int) -> np.ndarray:
    """float32 [S, S, 3]"""
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


def draw(
    scene: Scene, pixels: np.ndarray, mask: np.ndarray, generator: np.random.Generator
) -> list[tuple[float, float, float, float]]:
    """Draw the objects into pixels [S, S, 3] and their class ids (kind + 1) into mask [S, S]; returns the boxes."""
    size, half = len(pixels), len(pixels) // 2
    boxes = []
    for kind, corner in zip(scene.kinds, scene.corners, strict=True):
        art = sprite(kind, int(size * SIDES[generator.integers(0, len(SIDES))]))
        height, width = art.solid.shape
        row, column = divmod(corner, 2)
        top = row * half + int(generator.integers(0, half - height + 1))
        left = column * half + int(generator.integers(0, half - width + 1))
        window = np.s_[top : top + height, left : left + width]
        pixels[window] = pixels[window] * (1 - art.alpha) + art.pixels
        mask[window][art.solid] = kind + 1
        tall, wide = art.bottom - art.top, art.right - art.left
        center = (left + art.left + wide / 2, top + art.top + tall / 2)
        boxes.append((center[0] / size, center[1] / size, wide / size, tall / size))
    return boxes
