"""emoji-scenes: one to three emoji in the corners of a coloured ground, with captions, questions, boxes and masks."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bench.data.emoji.art import NAMES
from bench.data.emoji.compose import Style
from bench.data.emoji.dataset import ComposedScenes
from bench.data.emoji.even import Evenly
from bench.data.emoji.language import PLACES, Scene, questions
from bench.data.emoji.paint import COLORS, TEXTURES
from bench.data.emoji.splits import STREAMS, belongs
from bench.registry import datasets

SIDES = (0.40, 0.43, 0.46, 0.49)
"""Longer side of an object as a fraction of the scene: as large as fits a corner."""
CONTRAST = 8
"""Levels by which a texture is darker and lighter than its colour."""


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


@datasets.register("emoji-scenes", offers=("captions", "questions", "boxes", "masks"))
@dataclass(frozen=True)
class EmojiScenes(ComposedScenes):
    """Composed from Twemoji: 32 kinds of object, 4 corners, 8 colours; captions, questions, boxes, masks."""

    style: ClassVar[Style] = Style(scenes, SIDES, CONTRAST, questions)
