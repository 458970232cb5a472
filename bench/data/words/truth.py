"""How a split says what its images have written on them, and how large: the questions of one kind."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from bench.contracts.data import Split

TEXT_HEIGHT = "text height"
"""Kind of the question how high the text of an image is; an image that has one has its text for its first caption."""


class Written(NamedTuple):
    """text: what an image has written on it. height: of a line, as a fraction of the image's side."""

    text: str
    height: Fraction


def height_answer(height: Fraction) -> str:
    """The answer to a question about the height of text."""
    return f"{height} of the side"


def written_on(split: Split) -> dict[int, Written]:
    """What is known to be written on which image; empty where the data set does not say."""
    return {
        question.image: Written(split.captions[question.image][0], Fraction(question.answer.split()[0]))
        for question in split.questions
        if question.kind == TEXT_HEIGHT
    }
