from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from bench.contracts.data import Box, Split
from bench.errors import NotMeasurable
from bench.tasks.parts.language.named_objects import named, objects_named, phrase

PLACE = (0.5, 0.5, 0.2, 0.2)


def split(named: Sequence[Sequence[str]], captions: Sequence[Sequence[str]]) -> Split:
    """Images whose boxes name these things."""
    boxes = [Box(image, text, PLACE) for image, texts in enumerate(named) for text in texts]
    return Split("test", np.zeros((len(named), 2, 2, 3), np.uint8), captions=captions, boxes=boxes)


@pytest.mark.parametrize(
    ("caption", "right"),
    [
        ("a cat and a hot dog", True),
        ("HOT DOG, cat", True),
        ("a cat", False),
        ("a cat and a dog", False),
        ("a cat, a hot dog and a dog", False),
        ("a cat, a hot dog and a cat", False),
        ("a cat, a hot dog and a bird", True),  # no box says that a bird is something
        ("", False),
    ],
)
def test_all_objects_are_named_once_and_no_other(caption: str, right: bool) -> None:
    scenes = split([["the cat", "a hot dog"], ["a dog"]], [["one cat, one hot dog"], ["dog"]])
    assert objects_named(scenes, [caption, "the dog"], ()).tolist() == [right, True]


def test_what_only_training_shows_can_be_named_wrongly_too() -> None:
    scenes = split([["the cat"]], [["a cat"]])
    assert objects_named(scenes, ["a cat and a bird"], ()).tolist() == [1]
    assert objects_named(scenes, ["a cat and a bird"], [Box(0, "the bird", PLACE)]).tolist() == [0]


def test_two_of_a_kind_are_named_twice_and_nothing_where_no_box_is() -> None:
    scenes = split([["a cat", "a cat"], []], [["a cat and a cat"], ["nothing"]])
    assert objects_named(scenes, ["cat cat", "a table"], ()).tolist() == [1, 1]
    assert objects_named(scenes, ["cat", "cat"], ()).tolist() == [0, 0]


def test_captions_in_other_words_than_the_boxes_cannot_be_judged() -> None:
    with pytest.raises(NotMeasurable, match="only 50% of the images"):
        objects_named(split([["a person"], ["a cat"]], [["a man"], ["a cat"]]), ["a person", "a cat"], ())
    with pytest.raises(NotMeasurable, match="no boxes"):
        objects_named(split([[]], [["a man"]]), ["a man"], ())


def test_the_longest_name_counts() -> None:
    phrases = {phrase(text) for text in ("the dog", "a hot dog", "hot dog stand")}
    assert named("hot dog stand, hot dog, dog, hot", phrases) == {
        ("hot", "dog", "stand"): 1,
        ("hot", "dog"): 1,
        ("dog",): 1,
    }
