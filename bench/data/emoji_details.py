"""emoji-details: three small emoji in the corners of a textured ground, and questions that ask for more than names."""

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
from bench.data.emoji.fine_questions import COUNTED, category, fine_questions
from bench.data.emoji.language import PLACES, Scene
from bench.data.emoji.paint import COLORS, TEXTURES
from bench.data.emoji.splits import STREAMS, belongs
from bench.data.pixels import prepared
from bench.registry import datasets
from bench.system import fingerprint
from bench.system.kept import kept_folder

NUMBER = 3
"""Objects in every scene, so that a category can have none, one, two or three of them."""
SIDES = (0.29, 0.32, 0.35, 0.38)
"""Longer side of an object as a fraction of the scene: two thirds of emoji-scenes' on average."""


@datasets.register("emoji-details", offers=("captions", "questions", "boxes", "masks"))
@dataclass(frozen=True)
class EmojiDetails(DataSet):
    """emoji-scenes made harder: three small objects, counts of a category, relations, textures, look-alikes.

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
        folder = cache / "data" / f"emoji-details-{key}" / name
        return kept_folder(folder, lambda scratch: self._prepare(name, scratch), lambda kept: prepared.read(name, kept))

    def _count(self, name: str) -> int:
        kind = {"judge": "train", "test-novel-pairs": "test"}.get(name, name)
        return self.limits.get(kind, self.counts[kind])

    def _prepare(self, name: str, folder: Path) -> None:
        seed = [self.seed, STREAMS.index(name)]
        write_split(folder, scenes(name, self.seed), self._count(name), self.size, seed, SIDES, fine_questions)


def scenes(split: str, seed: int) -> Iterator[Scene]:
    """An endless stream of the scenes of a split.

    One, two and three objects of each counted category are equally frequent in every split, and so are corners and
    grounds, and kinds nearly.
    """
    rng = np.random.default_rng([seed, STREAMS.index(split), 0])
    even = Evenly(rng)
    grounds = list(itertools.product(COLORS, TEXTURES))
    places = list(itertools.permutations(range(len(PLACES)), NUMBER))
    shares = list(itertools.product(COUNTED, range(1, NUMBER + 1)))
    while True:
        corners = even.pick("corners", places)
        color, texture = even.pick("ground", grounds)
        main, share = even.pick("category", shares)
        order = even.order("kinds", range(len(NAMES)))
        inside, outside = ([kind for kind in order if (category(kind) == main) is own] for own in (True, False))
        chosen = itertools.product(
            itertools.permutations(inside, share), itertools.permutations(outside, NUMBER - share)
        )
        filled = (Scene((*own, *others), corners, color, texture) for own, others in chosen)
        scene = next(scene for scene in filled if belongs(scene, split))
        even.count("kinds", scene.kinds)
        yield scene
