"""A split's questions as arrays, those of one image together, so that an image is encoded once for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.contracts.data import Question
from bench.tasks.parts.language.vocabulary import Vocabulary

OUTSIDE = -1
"""Class of an answer that is none of the classes."""


@dataclass(frozen=True)
class QuestionIndex:
    """A split's Q questions, sorted by image.

    order: their positions in the split's list, int64 [Q]. ids: their words, int64 [Q, L]. answers: classes int64 [Q].
    images: the numbers of the I images that have questions, int64 [I]. starts: int64 [I + 1]; the questions about
    images[i] have the numbers starts[i] to starts[i + 1].
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
        """The questions in order; each cut or padded to `length` words, classes numbered as in `answers`."""
        image = np.array([question.image for question in questions], np.int64)
        order = np.argsort(image, kind="stable")
        number = {answer: i for i, answer in enumerate(answers)}
        classes = np.array([number.get(questions[i].answer, OUTSIDE) for i in order], np.int64)
        images, starts = np.unique(image[order], return_index=True)
        ids = vocabulary.encode([questions[i].text for i in order], length)
        return cls(order, ids, classes, images, np.append(starts, len(order)))

    def of_images(
        self, rows: np.ndarray, most: int | None = None, rng: np.random.Generator | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Numbers of the N questions about images[rows], and which of the rows each is about, both int64 [N].

        most, rng: where an image has more questions than `most`, so many of them are drawn.
        """
        groups = [np.arange(self.starts[row], self.starts[row + 1]) for row in rows]
        if most is not None and rng is not None:
            groups = [rng.choice(group, most, replace=False) if len(group) > most else group for group in groups]
        return np.concatenate(groups), np.repeat(np.arange(len(rows)), [len(group) for group in groups])
