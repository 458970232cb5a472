"""What is asked about the scenes of emoji-details."""

from __future__ import annotations

import itertools

import numpy as np

from bench.contracts.data import Question
from bench.data.emoji.art import NAMES
from bench.data.emoji.even import Evenly
from bench.data.emoji.language import EXISTENCE_QUESTIONS, OBJECT_QUESTIONS, PLACES, Scene, with_article

CATEGORIES = ("animals", "foods", "vehicles", "things")
"""Eight kinds each, in the order of `NAMES`."""
COUNTED = CATEGORIES[:3]
"""Categories that are counted; "how many things" could mean all objects."""
COUNTS = ("none", "one", "two", "three")
COUNT_QUESTIONS = ("how many {category} are there?", "how many {category} can you see?")
TEXTURE_QUESTIONS = ("what is the pattern of the background?", "what is the pattern behind the objects?")
RELATION_QUESTIONS = ("is the {name} {relation} the {other}?", "does the {name} stand {relation} the {other}?")
RELATIONS = {"left of": (1, -1), "right of": (1, 1), "above": (0, -1), "below": (0, 1)}
"""Words to the axis they are about (row, column) and the sign of the first object's place less the second's."""


def category(kind: int) -> str:
    """The category of a kind."""
    return CATEGORIES[kind // (len(NAMES) // len(CATEGORIES))]


def fine_questions(scene: Scene, image: int, rng: np.random.Generator, even: Evenly) -> list[Question]:
    """One question of each type; within a type all answers are equally frequent, whatever the wording.

    even: one for all scenes of a split.
    """
    wording = rng.integers(0, 2, 5)
    shown = even.pick("object", scene.kinds)
    place = PLACES[dict(zip(scene.kinds, scene.corners, strict=True))[shown]]
    counted, count = _counted(scene, even)
    name, relation, other, holds = _related(scene, even)
    named, there = _named(scene, even)
    asked = [
        (OBJECT_QUESTIONS, {"place": place}, NAMES[shown], "object"),
        (COUNT_QUESTIONS, {"category": counted}, COUNTS[count], "count"),
        (TEXTURE_QUESTIONS, {}, scene.texture, "texture"),
        (RELATION_QUESTIONS, {"name": name, "relation": relation, "other": other}, _yes(holds), "relation"),
        (EXISTENCE_QUESTIONS, {"name": named}, _yes(there), "yes/no"),
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


def _related(scene: Scene, even: Evenly) -> tuple[str, str, str, bool]:
    """Two objects and what is said of them: first, relation, second, and whether it holds.

    Only objects that stand in different columns are said to be left or right of each other, rows likewise.
    """
    placed = list(zip(scene.kinds, scene.corners, strict=True))
    said: dict[tuple[bool, str], list[tuple[int, int]]] = {}
    for (kind, corner), (other, there) in itertools.permutations(placed, 2):
        for relation, (axis, sign) in RELATIONS.items():
            difference = divmod(corner, 2)[axis] - divmod(there, 2)[axis]
            if difference:
                said.setdefault((difference == sign, relation), []).append((kind, other))
    holds, relation = even.pick("relation", sorted(said))
    first, second = even.pick(("related", holds, relation), said[holds, relation])
    return NAMES[first], relation, NAMES[second], holds


def _named(scene: Scene, even: Evenly) -> tuple[str, bool]:
    """A kind, and whether it is there; one that is not shares its category with one that is, so that it looks alike."""
    there = even.pick("yes/no", (True, False))
    seen = {category(kind) for kind in scene.kinds}
    alike = [kind for kind in range(len(NAMES)) if kind not in scene.kinds and category(kind) in seen]
    return with_article(NAMES[even.pick(("named", there), scene.kinds if there else alike)]), there


def _yes(holds: bool) -> str:
    return "yes" if holds else "no"
