"""emoji-scenes: one to three emoji in the corners of a coloured ground, with captions, questions, boxes and masks."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from typing_extensions import override

from bench.contracts.arguments import Seed
from bench.contracts.data import DataSet, Split
from bench.data.emoji.art import ART_SHA256, NAMES
from bench.data.emoji.compose import write_split
from bench.data.emoji.even import Evenly
from bench.data.emoji.language import PLACES, Scene, questions
from bench.data.emoji.paint import COLORS, TEXTURES
from bench.data.emoji.splits import STREAMS, belongs
from bench.data.pixels import prepared
from bench.registry import datasets
from bench.system import fingerprint
from bench.system.kept import kept_folder

SIDES = (0.40, 0.43, 0.46, 0.49)
"""Longer side of an object as a fraction of the scene: as large as fits a corner."""


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
        seed = [self.seed, STREAMS.index(name)]
        write_split(folder, scenes(name, self.seed), self._count(name), self.size, seed, SIDES, questions)


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
        scene = next(scene for scene in filled if belongs(scene, split))
        even.count(("kinds", number), scene.kinds)
        yield scene
