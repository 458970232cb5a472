"""emoji-details: three emoji in the corners of a textured ground, and questions that ask for more than names."""

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
from bench.data.emoji.fine_questions import COUNTED, category, fine_questions
from bench.data.emoji.language import PLACES, Scene
from bench.data.emoji.paint import COLORS, TEXTURES
from bench.data.emoji.splits import STREAMS, belongs
from bench.registry import datasets

NUMBER = 3
"""Objects in every scene, so that a category can have none, one, two or three of them."""
SIDES = (0.36, 0.39, 0.42, 0.45)
"""Longer side of an object as a fraction of the scene: a tenth less than emoji-scenes'."""
CONTRAST = 20
"""Levels by which a texture is darker and lighter than its colour."""


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


@datasets.register("emoji-details", offers=("captions", "questions", "boxes", "masks"))
@dataclass(frozen=True)
class EmojiDetails(ComposedScenes):
    """emoji-scenes made harder: three smaller objects, counts of a category, relations, textures."""

    style: ClassVar[Style] = Style(scenes, SIDES, CONTRAST, fine_questions)
