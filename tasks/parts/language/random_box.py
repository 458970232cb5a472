"""A control for questions about a thing that a box marks: the answer for another box of the image, drawn at random.

So it knows where all things are, and not which of them is meant: "where is the cat?" where a cat and a dog are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from bench.contracts.data import Box, Question, Split
from bench.metrics.classification import by_kind
from bench.tasks.parts.language.vocabulary import WORD

PROTOCOL = (
    "of kinds whose every question holds the text of a box of its image: share of the image's boxes whose answer is "
    "right, where a box's answer is that to the training question of the kind about the most similar box"
)


class Asked(NamedTuple):
    """Questions of one kind. named: the box that each names. images: of each, int64 [n]."""

    questions: Sequence[Question]
    named: Sequence[Box]
    images: np.ndarray


def random_box(training: Split, split: Split) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The control's accuracy on each question, float64 [n], and the questions' images, int64 [n], by kind.

    A kind is left out where a question of it, in either split, names no box of its image.
    """
    known, asked = _about_boxes(training), _about_boxes(split)
    return {kind: (_chances(known[kind], asked[kind], split), asked[kind].images) for kind in asked if kind in known}


def _about_boxes(split: Split) -> Mapping[str, Asked]:
    """The questions of each kind of which every one names a box of its image."""
    boxes = _by_image(split)
    found = {}
    for kind, rows in by_kind([question.kind for question in split.questions]).items():
        questions = [split.questions[row] for row in rows]
        named = [_named(asked.text, boxes.get(asked.image, ())) for asked in questions]
        present = [box for box in named if box is not None]
        if len(present) == len(questions):
            found[kind] = Asked(questions, present, np.array([asked.image for asked in questions]))
    return found


def _chances(known: Asked, asked: Asked, split: Split) -> np.ndarray:
    """Share of the boxes of each question's image that lead to the right answer."""
    answers = np.array([question.answer for question in known.questions], object)
    places = cKDTree(np.array([box.box for box in known.named]))
    of_boxes = {
        image: answers[places.query(np.array([box.box for box in boxes]))[1]]
        for image, boxes in _by_image(split).items()
    }
    return np.array([np.mean(of_boxes[question.image] == question.answer) for question in asked.questions])


def _named(text: str, boxes: Sequence[Box]) -> Box | None:
    """The box whose words stand in a text, if any; of several the one of the most words."""
    words = _words(text)
    return max((box for box in boxes if _words(box.text) in words), key=lambda box: len(box.text), default=None)


def _words(text: str) -> str:
    """Words in lower case between spaces, so that "the car" is not in "the carrot"."""
    return f" {' '.join(WORD.findall(text.lower()))} "


def _by_image(split: Split) -> dict[int, list[Box]]:
    boxes: dict[int, list[Box]] = {}
    for box in split.boxes:
        boxes.setdefault(box.image, []).append(box)
    return boxes
