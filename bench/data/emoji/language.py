"""An emoji scene, and what can be said and asked about it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from bench.contracts.data import Question
from bench.data.emoji.art import NAMES
from bench.data.emoji.even import Evenly

PLACES = ("top left", "top right", "bottom left", "bottom right")
NUMBERS = ("one", "two", "three")
OBJECT_QUESTIONS = ("what is at the {place}?", "which object is in the {place} corner?")
NUMBER_QUESTIONS = ("how many objects are there?", "how many things can you see?")
COLOR_QUESTIONS = ("what color is the background?", "what is the color behind the objects?")
LOCATION_QUESTIONS = ("where is the {name}?", "in which corner is the {name}?")
EXISTENCE_QUESTIONS = ("is there {name}?", "does the picture show {name}?")


class Scene(NamedTuple):
    """What is where on which ground.

    kinds: numbers of one to three different kinds, in `NAMES`. corners: where each is, by its number in `PLACES`; all
    different. color, texture: of the ground.
    """

    kinds: tuple[int, ...]
    corners: tuple[int, ...]
    color: str
    texture: str


def captions(scene: Scene, rng: np.random.Generator) -> list[str]:
    """Five captions that differ in what they mention and how; objects come in a random order."""
    order = rng.permutation(len(scene.kinds))
    names = [with_article(NAMES[scene.kinds[i]]) for i in order]
    bare = [NAMES[scene.kinds[i]] for i in order]
    places = [PLACES[scene.corners[i]] for i in order]
    ground = scene.color if scene.texture == "plain" else f"{scene.texture} {scene.color}"
    return [
        f"{joined(f'{name} at the {place}' for name, place in zip(names, places, strict=True))} on {ground}",
        f"a {ground} picture of {joined(names)}",
        f"{joined(f'{name} {place}' for name, place in zip(bare, places, strict=True))}, {ground} background",
        f"{NUMBERS[len(names) - 1]} {'object' if len(names) == 1 else 'objects'}: {joined(names)}",
        _relation(scene, [int(i) for i in order]),
    ]


def questions(scene: Scene, image: int, rng: np.random.Generator, even: Evenly) -> list[Question]:
    """One question of each type; within a type all answers are equally frequent, whatever the wording.

    even: one for all scenes of a split, which balances what is asked: where, by the number of objects; yes and no, of
    each kind; which object.
    """
    number = len(scene.kinds)
    wording = rng.integers(0, 2, 5)
    places = dict(zip(scene.kinds, scene.corners, strict=True))
    kinds = dict(zip(scene.corners, scene.kinds, strict=True))
    shown = even.pick("object", scene.kinds)
    located = even.pick(("location", number), scene.corners)
    yes = even.pick(("yes/no", number), (True, False))
    absent = [kind for kind in range(len(NAMES)) if kind not in scene.kinds]
    named = even.pick(("named", yes), scene.kinds if yes else absent)
    answers = [
        (OBJECT_QUESTIONS, NAMES[shown], "object"),
        (NUMBER_QUESTIONS, NUMBERS[number - 1], "number"),
        (COLOR_QUESTIONS, scene.color, "color"),
        (LOCATION_QUESTIONS, PLACES[located], "location"),
        (EXISTENCE_QUESTIONS, "yes" if yes else "no", "yes/no"),
    ]
    words = [
        {"place": PLACES[places[shown]]},
        {},
        {},
        {"name": NAMES[kinds[located]]},
        {"name": with_article(NAMES[named])},
    ]
    return [
        Question(image, texts[pick].format(**word), answer, kind)
        for (texts, answer, kind), word, pick in zip(answers, words, wording, strict=True)
    ]


def with_article(name: str) -> str:
    """A name with its indefinite article: "a cat", "an apple", "grapes"."""
    if name == "grapes":
        return name
    return f"an {name}" if name[0] in "aeio" or name == "umbrella" else f"a {name}"


def joined(parts: Iterable[str]) -> str:
    """An enumeration: "a", "a and b", "a, b and c"."""
    words = list(parts)
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _relation(scene: Scene, order: list[int]) -> str:
    """A caption of where the first object stands to the second, or that it stands alone; order: of the objects.

    A third one is named as well: every caption names all objects, so that one that leaves out an object is wrong.
    """
    first = with_article(NAMES[scene.kinds[order[0]]])
    if len(order) == 1:
        return f"{first} alone in the {PLACES[scene.corners[order[0]]]} corner"
    second = with_article(NAMES[scene.kinds[order[1]]])
    (row, column), (other_row, other_column) = (divmod(scene.corners[i], 2) for i in order[:2])
    if row == other_row:
        relation = "left of" if column < other_column else "right of"
    elif column == other_column:
        relation = "above" if row < other_row else "below"
    else:
        relation = "diagonally above" if row < other_row else "diagonally below"
    third = "".join(f", and {with_article(NAMES[scene.kinds[i]])}," for i in order[2:])
    return f"{first} {relation} {second}{third} on {scene.color}"
