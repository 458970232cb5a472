from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
import pytest

from bench.contracts.data import Split
from bench.data.easy_vqa import BACKGROUND, COLORS, SHAPES, EasyVqa, box_of, shape_and_color
from bench.data.reading.easy_vqa_files import ShapeImage
from bench.errors import DataError


@pytest.fixture(scope="module")
def splits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Split]:
    data = EasyVqa(size=64)
    return {name: data.split(name, tmp_path_factory.mktemp("cache")) for name in data.splits}


def test_every_image_and_question_of_the_package_is_there(splits: dict[str, Split]) -> None:
    """Counts as its authors state them: 4,000 and 1,000 images, 38,575 and 9,673 questions."""
    assert len(splits["train"]) + len(splits["validation"]) == 4000
    assert len(splits["train"].questions) + len(splits["validation"].questions) == 38_575
    assert (len(splits["test"]), len(splits["test"].questions)) == (1000, 9673)
    assert 0.08 < len(splits["validation"]) / 4000 < 0.12


def test_questions_have_the_type_of_their_answer(splits: dict[str, Split]) -> None:
    expected = {"yes/no": {"yes", "no"}, "object": set(SHAPES), "color": set(COLORS)}
    found: dict[str, set[str]] = defaultdict(set)
    for question in splits["test"].questions:
        found[question.kind].add(question.answer)
    assert found == expected


def test_the_colour_in_a_caption_is_that_of_the_pixels(splits: dict[str, Split]) -> None:
    """Shapes of one colour word are alike in pixels, and unlike those of any other word."""
    test = splits["test"]
    seen: dict[str, list[np.ndarray]] = defaultdict(list)
    for image, captions in zip(test.images, test.captions, strict=True):
        word = captions[0].removeprefix("a ").partition(" ")[0]
        if word in COLORS:
            shape = image[(image < BACKGROUND).any(-1)]
            seen[word].append(np.median(shape, axis=0))
    centers = {word: np.median(pixels, axis=0) for word, pixels in seen.items()}
    assert set(centers) == set(COLORS)
    nearest = Counter(
        min(centers, key=lambda other: float(np.abs(centers[other] - pixel).sum())) == word
        for word, pixels in seen.items()
        for pixel in pixels
    )
    assert nearest[True] / nearest.total() > 0.99


@pytest.mark.parametrize(
    ("questions", "expected"),
    [
        ([("what color is the circle?", "red")], ("circle", "red")),
        ([("is there not a red shape?", "no"), ("is there a circle?", "no")], ("shape", "red")),
        ([("is no triangle present?", "no"), ("is a blue shape present?", "yes")], ("triangle", "blue")),
        ([("does the image not contain a teal shape?", "yes")], ("shape", "")),
    ],
)
def test_captions_say_what_the_answers_say(questions: list[tuple[str, str]], expected: tuple[str, str]) -> None:
    assert shape_and_color(ShapeImage("train", 0, tuple(questions))) == expected


def test_answers_that_contradict_are_refused() -> None:
    with pytest.raises(DataError, match="contradict"):
        shape_and_color(
            ShapeImage("train", 0, (("what color is the shape?", "red"), ("is there a blue shape?", "yes")))
        )


def test_boxes() -> None:
    pixels = np.full((64, 64, 3), 250, np.uint8)
    pixels[10:20, 32:64] = (0, 0, 255)
    assert box_of(pixels) == (0.75, 15 / 64, 0.5, 10 / 64)
    with pytest.raises(DataError, match="without a shape"):
        box_of(np.full((64, 64, 3), 250, np.uint8))
