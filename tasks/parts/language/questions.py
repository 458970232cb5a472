"""A split's questions as arrays, those of one image together, so that an image is encoded once for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.contracts.data import Question
from tasks.parts.language.vocabulary import Vocabulary

OUTSIDE = -1
"""The class of an answer that is none of the classes, and the number of a question that is not there."""


@dataclass(frozen=True)
class QuestionIndex:
    """Q questions sorted by image.

    order: their positions in the split's list. ids: int64 [Q, L]. answers: classes int64 [Q]. images: the numbers of
    the images that have questions; those of images[i] are starts[i] to starts[i + 1].
    """

    order: np.ndarray
    ids: np.ndarray
    answers: np.ndarray
    images: np.ndarray
    starts: np.ndarray

    @classmethod
    def of(
        cls, questions: Sequence[Question], vocabulary: Vocabulary, answers: Sequence[str], length: int
    ) -> QuestionIndex:
        """Questions of `length` word ids, with classes numbered as in `answers`."""
        image = np.array([question.image for question in questions], np.int64)
        order = np.argsort(image, kind="stable")
        number = {answer: i for i, answer in enumerate(answers)}
        classes = np.array([number.get(questions[i].answer, OUTSIDE) for i in order], np.int64)
        images, starts = np.unique(image[order], return_index=True)
        ids = vocabulary.encode([questions[i].text for i in order], length)
        return cls(order, ids, classes, images, np.append(starts, len(order)))

    def of_images(
        self, rows: np.ndarray, most: int | None = None, draw: np.random.Generator | None = None
    ) -> np.ndarray:
        """Numbers int64 [B, n] of the questions of images[rows], `OUTSIDE` where an image has fewer than n.

        most: how many to draw where an image has more.
        """
        groups = [np.arange(self.starts[row], self.starts[row + 1]) for row in rows]
        if most is not None and draw is not None:
            groups = [draw.choice(own, most, replace=False) if len(own) > most else own for own in groups]
        found = np.full((len(rows), max(map(len, groups))), OUTSIDE)
        for slots, own in zip(found, groups, strict=True):
            slots[: len(own)] = own
        return found
