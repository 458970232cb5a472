from __future__ import annotations

import pytest

from bench.errors import NotMeasurable
from bench.tasks.parts.language.named_corners import exchanged


@pytest.mark.parametrize(
    ("caption", "other"),
    [
        (
            "a cat at the top left and a dog at the top right on red",
            "a cat at the top right and a dog at the top left on red",
        ),
        ("cat bottom left, dog top left", "cat top left, dog bottom left"),
        (
            "a top left, b bottom right, c top right",
            "a bottom right, b top left, c top right",
        ),
    ],
)
def test_the_first_two_corners_change_places(caption: str, other: str) -> None:
    assert exchanged([["a cat and a dog", caption, other]]) == [(0, caption, other)]


@pytest.mark.parametrize(
    "caption",
    ["a cat", "a cat alone in the top left corner", "a cat top left, a dog top left", "stop lefty, stop righty"],
)
def test_captions_without_two_corners_are_left_out(caption: str) -> None:
    found = exchanged([[caption], ["a top left, b top right"], []])
    assert [pair.image for pair in found] == [1]
    with pytest.raises(NotMeasurable, match="two corners"):
        exchanged([[caption], []])
