from __future__ import annotations

import numpy as np
import pytest

from bench.contracts.data import Box, Question, Split
from bench.tasks.parts.language.random_box import random_box

LEFT, RIGHT = (0.2, 0.5, 0.2, 0.2), (0.8, 0.5, 0.2, 0.2)


def split(name: str, boxes: list[Box], questions: list[Question]) -> Split:
    return Split(name, np.zeros((3, 2, 2, 3), np.uint8), boxes=boxes, questions=questions)


def where(image: int, thing: str, answer: str) -> Question:
    return Question(image, f"Where is {thing}?", answer, "where")


TRAIN = split(
    "train",
    [Box(0, "the carrot", LEFT), Box(0, "the car", RIGHT)],
    [where(0, "the carrot", "left"), where(0, "the car", "right"), Question(0, "is there a car?", "yes", "whether")],
)


def test_a_random_box_is_right_as_often_as_boxes_share_an_answer() -> None:
    boxes = [
        Box(0, "the car", (0.25, 0.5, 0.3, 0.2)),
        Box(1, "the car", RIGHT),
        Box(1, "the carrot", LEFT),
        Box(2, "the car", RIGHT),
        Box(2, "the carrot", RIGHT),
    ]
    questions = [where(0, "the car", "left"), where(1, "the carrot", "left"), where(2, "the car", "right")]
    found = random_box(TRAIN, split("test", boxes, [*questions, Question(1, "is there a dog?", "no", "whether")]))
    assert set(found) == {"where"}
    chances, images = found["where"]
    assert chances.tolist() == [1, 0.5, 1]
    assert images.tolist() == [0, 1, 2]


@pytest.mark.parametrize("question", [where(0, "the car", "left"), where(1, "the carrot", "left")])
def test_a_kind_with_a_question_about_no_box_has_no_control(question: Question) -> None:
    """The first image shows a carrot, which is no car, and the second nothing."""
    assert not random_box(TRAIN, split("test", [Box(0, "the carrot", LEFT)], [question]))
