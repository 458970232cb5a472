"""emoji-scenes: one to three emoji in the corners of a coloured ground, with captions, questions, boxes and masks."""

from __future__ import annotations

import functools
import hashlib
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from typing_extensions import override

from bench.contracts.arguments import Seed
from bench.contracts.data import Box, DataSet, Split
from bench.data.emoji.art import ART_SHA256, NAMES, sprite
from bench.data.emoji.even import Evenly
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
STREAMS = ("train", "validation", "test", "test-novel-pairs", "judge")
"""All streams of scenes; the number of one is part of its seed."""
BUCKETS = {
    "test": (0,),
    "validation": (1,),
    "judge": (2, 3),
    "train": tuple(range(4, 16)),
    "test-novel-pairs": (0, 1, *range(4, 16)),
}
"""Sixteenths of all arrangements that a split may draw from (see `bucket`), so that no two splits share a scene."""


@datasets.register("emoji-scenes", offers=("captions", "questions", "boxes", "masks"))
@dataclass(frozen=True)
class EmojiScenes(DataSet):
    """Composed from Twemoji: 32 kinds of object, 4 corners, 8 colours; captions, questions, boxes, masks.

    seed: of all scenes. Scenes of a split are a stream, of which the limits take the first.

    `split("judge", cache)` gives a further split, as long as "train", which is not among `splits`: no method, head or
    generator ever sees its arrangements. It is for whoever trains a network that judges them: images and captions of
    its own, with pairs of kinds that are novel to "train" as well. Its last scenes can be held out.
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
        kind = {"judge": "train", "test-novel-pairs": "test"}.get(name, name)
        return self.limits.get(kind, self.counts[kind])

    def _prepare(self, name: str, folder: Path) -> None:
        count = self._count(name)
        writer = prepared.Writer(folder, count, self.size, masks=True)
        assert writer.masks is not None
        rng, words = (np.random.default_rng([self.seed, STREAMS.index(name), part]) for part in (1, 2))
        even = Evenly(words)
        notes = prepared.Annotations()
        grounds = {(color, texture): ground(color, texture, self.size) for color in COLORS for texture in TEXTURES}
        for image, scene in enumerate(itertools.islice(scenes(name, self.seed), count)):
            # textures start anywhere: aligned with a grid of codes, they would cost next to nothing
            shift = rng.integers(0, 2 * texture_step(self.size), 2)
            pixels = np.roll(grounds[scene.color, scene.texture], shift, (0, 1))
            boxes = paint_objects(scene, pixels, writer.masks[image], rng)
            writer.images[image] = np.round(pixels)
            notes.captions.append(captions(scene, words))
            notes.questions += questions(scene, image, words, even)
            notes.boxes += [Box(image, f"the {NAMES[kind]}", box) for kind, box in zip(scene.kinds, boxes, strict=True)]
        writer.finish(notes)


def is_novel_pair(kind: int, other: int) -> bool:
    """Whether two kinds are together in scenes of "test-novel-pairs" only, and of "judge"."""
    return (kind - other) % len(NAMES) in NOVEL_STEPS


def scenes(split: str, seed: int) -> Iterator[Scene]:
    """An endless stream of the scenes of a split.

    Numbers of objects come out even, and for each number corners, grounds and kinds do: after any number of scenes,
    exactly but for the scenes of a round that is not over; kinds nearly, since not all of them fit what else was drawn.
    """
    rng = np.random.default_rng([seed, STREAMS.index(split), 0])
    even = Evenly(rng)
    grounds = list(itertools.product(COLORS, TEXTURES))
    places = {number: list(itertools.permutations(range(len(PLACES)), number)) for number in (1, 2, 3)}
    while True:
        number = even.pick("number", (2, 3) if split == "test-novel-pairs" else (1, 2, 3))
        corners = even.pick(("corners", number), places[number])
        color, texture = even.pick(("ground", number), grounds)
        order = even.order(("kinds", number), range(len(NAMES)))
        filled = (Scene(kinds, corners, color, texture) for kinds in itertools.permutations(order, number))
        scene = next(scene for scene in filled if _belongs(scene, split))
        even.count(("kinds", number), scene.kinds)
        yield scene


def _belongs(scene: Scene, split: str) -> bool:
    """Whether a scene may be in a split."""
    novel = any(is_novel_pair(*pair) for pair in itertools.combinations(scene.kinds, 2))
    if split != "judge" and novel is not (split == "test-novel-pairs"):
        return False
    return bucket(scene) in BUCKETS[split]


def bucket(scene: Scene) -> int:
    """Which sixteenth of all arrangements a scene belongs to; the order in which its objects are listed does not count.

    What is where says on which two of the 32 grounds it is in which bucket: by a hash, but objects that are alone in
    one corner, of which there are few, are dealt out in turn. So every bucket has as many of each kind, corner, colour
    and texture.
    """
    placed = tuple(sorted(zip(scene.corners, scene.kinds, strict=True)))
    return (_turn(placed) + _ground_order().index((scene.color, scene.texture))) % 16


@functools.cache
def _ground_order() -> list[tuple[str, str]]:
    return sorted(itertools.product(COLORS, TEXTURES), key=_hashed)


@functools.cache
def _alone_order(corner: int) -> list[int]:
    """All kinds in the order in which they are dealt out, alone in this corner."""
    return sorted(range(len(NAMES)), key=lambda kind: _hashed((corner, kind)))


def _turn(placed: tuple[tuple[int, int], ...]) -> int:
    """Where (corner, kind) of all objects of a scene come in turn."""
    if len(placed) == 1:
        ((corner, kind),) = placed
        return _alone_order(corner).index(kind)
    return _hashed(placed)


def _hashed(value: object) -> int:
    return int.from_bytes(hashlib.sha256(repr(value).encode()).digest()[:8], "big")


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
