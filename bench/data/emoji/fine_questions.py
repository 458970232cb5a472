"""What is asked about the scenes of emoji-details."""

from __future__ import annotations

import itertools

import numpy as np

from bench.contracts.data import Question
from bench.data.emoji.art import NAMES
from bench.data.emoji.even import Evenly
from bench.data.emoji.language import OBJECT_QUESTIONS, PLACES, Scene

CATEGORIES = ("animals", "foods", "vehicles", "things")
"""Eight kinds each, in the order of `NAMES`."""
COUNTED = CATEGORIES[:3]
"""Categories that are counted; "how many things" could mean all objects."""
COUNTS = ("none", "one", "two", "three")
COUNT_QUESTIONS = ("how many {category} are there?", "how many {category} can you see?")
TEXTURE_QUESTIONS = ("what is the pattern of the background?", "what is the pattern behind the objects?")
RELATION_QUESTIONS = ("what is {relation} the {name}?", "which object stands {relation} the {name}?")
RELATIONS = {(0, -1): "left of", (0, 1): "right of", (-1, 0): "above", (1, 0): "below"}
"""Rows and columns from one object to its neighbour, to what the neighbour is of it."""


def category(kind: int) -> str:
    """The category of a kind."""
    return CATEGORIES[kind // (len(NAMES) // len(CATEGORIES))]


def fine_questions(scene: Scene, image: int, rng: np.random.Generator, even: Evenly) -> list[Question]:
    """One question of each type; within a type all answers are equally frequent, whatever the wording.

    even: one for all scenes of a split.
    """
    wording = rng.integers(0, 2, 4)
    shown = even.pick("object", scene.kinds)
    place = PLACES[dict(zip(scene.kinds, scene.corners, strict=True))[shown]]
    counted, count = _counted(scene, even)
    relation, name, neighbour = _related(scene, even)
    asked = [
        (OBJECT_QUESTIONS, {"place": place}, NAMES[shown], "object"),
        (COUNT_QUESTIONS, {"category": counted}, COUNTS[count], "count"),
        (TEXTURE_QUESTIONS, {}, scene.texture, "texture"),
        (RELATION_QUESTIONS, {"name": name, "relation": relation}, neighbour, "relation"),
    ]
    return [
        Question(image, texts[pick].format(**words), answer, kind)
        for (texts, words, answer, kind), pick in zip(asked, wording, strict=True)
    ]


def count_of(scene: Scene, name: str) -> int:
    """How many objects of a category there are."""
    return sum(category(kind) == name for kind in scene.kinds)


def _counted(scene: Scene, even: Evenly) -> tuple[str, int]:
    """A category and how many of it there are: (category, count) that was asked least."""
    return even.pick("count", [(name, count_of(scene, name)) for name in COUNTED])


def _related(scene: Scene, even: Evenly) -> tuple[str, str, str]:
    """A relation, an object, and the one that stands so to it, in the same row or column."""
    said = {}
    for (kind, corner), (other, there) in itertools.permutations(zip(scene.kinds, scene.corners, strict=True), 2):
        (row, column), (other_row, other_column) = divmod(corner, 2), divmod(there, 2)
        relation = RELATIONS.get((other_row - row, other_column - column))
        if relation is not None:
            said[relation, other] = NAMES[kind]
    neighbour = even.pick("related", sorted({other for _, other in said}))
    relation = even.pick("relation", sorted(relation for relation, other in said if other == neighbour))
    return relation, said[relation, neighbour], NAMES[neighbour]
