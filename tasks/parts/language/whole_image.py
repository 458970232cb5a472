"""Classes of whole images, from the questions of a data set that are about the whole image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from bench.contracts.data import Question
from bench.metrics.classification import by_kind

SHARE = 0.2

PROTOCOL = {
    "classes": f"answers, by kind, to the questions whose text makes up {SHARE:.0%} or more of the training "
    "questions of their kind; kinds in which a training image then has two answers, or all the same, are out",
}


class Labels(NamedTuple):
    """The classes of some images. images: their numbers int64 [N]. answers: str [N]."""

    images: np.ndarray
    answers: np.ndarray


def whole_image_texts(questions: Sequence[Question]) -> dict[str, set[str]]:
    """Kind of question to those of its texts that ask about the whole image, as the protocol says; kinds sorted.

    A question about the whole image names nothing that only some images hold, and so it is asked again and again.
    """
    about_whole = {}
    for kind, rows in by_kind([question.kind for question in questions]).items():
        asked = Counter(questions[row].text for row in rows)
        texts = {text for text, count in asked.items() if count >= SHARE * len(rows)}
        answers = {(questions[row].image, questions[row].answer) for row in rows if questions[row].text in texts}
        one_each = len({image for image, _ in answers}) == len(answers)
        if one_each and len({answer for _, answer in answers}) > 1:
            about_whole[kind] = texts
    return about_whole


def image_labels(questions: Sequence[Question], texts: Mapping[str, set[str]]) -> dict[str, Labels]:
    """Each kind's labelled images of a split, by number; where an image has several answers the first counts."""
    answers: dict[str, dict[int, str]] = {kind: {} for kind in texts}
    for question in questions:
        if question.text in texts.get(question.kind, ()):
            answers[question.kind].setdefault(question.image, question.answer)
    return {
        kind: Labels(np.array(sorted(by_image), np.int64), np.array([by_image[i] for i in sorted(by_image)], object))
        for kind, by_image in answers.items()
    }
