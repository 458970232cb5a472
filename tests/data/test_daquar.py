"""DAQUAR: questions without the name of their image, answers of several things, what is missing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from helpers.miniatures import TEST, TRAIN, VALIDATION, Scene, put

from bench.data.daquar import Daquar
from bench.data.reading.check import as_text, check
from bench.errors import DataError


@pytest.fixture
def root(miniatures: Path, tmp_path: Path) -> Path:
    shutil.copytree(miniatures / "daquar", tmp_path / "daquar")
    return tmp_path / "daquar"


def test_questions_stand_beside_their_images(miniatures: Path) -> None:
    dataset = Daquar(root=miniatures / "daquar")
    for split, count in (("train", TRAIN), ("validation", VALIDATION), ("test", TEST)):
        examples = dataset.read_listing(split).examples
        assert len(examples) == count
        for example in examples:
            scene = Scene(int(example.key.removeprefix("image")))
            color, thing = example.questions
            assert color[:3] == (f"what is the color of the {scene.shape} ?", scene.color, "color")
            several = (", ".join(sorted([scene.shape, "ground"])), "several")
            assert thing[:3] == ("what is ?", *(several if scene.number % 3 == 0 else (scene.shape, "object")))


@pytest.mark.parametrize(
    ("question", "answer", "wanted"),
    [
        ("how many chairs are in the image12 ?", "2", ("how many chairs are ?", "2", "number")),
        ("what is left of the bed here image7?", "b_c, a", ("what is left of the bed here ?", "a, b_c", "several")),
        ("what is on the desk on image7", "book , book", ("what is on the desk ?", "book", "object")),
        ("what colour is the wall in image 7 ?", "red", None),
        ("what is on the desk in the image3 ?", ", ,", None),
    ],
)  # fmt: skip
def test_ends_of_questions_and_lists_of_answers(
    question: str, answer: str, wanted: tuple[str, ...] | None, root: Path
) -> None:
    path = root / "qa.894.raw.test.txt"
    put(path, f"{path.read_text()}{question}\n{answer}\n")
    listing = Daquar(root=root).read_listing("test")
    if wanted is None:
        assert len(listing.examples) == TEST
        assert len(listing.problems) == 1
    else:
        assert listing.examples[-1].questions == ((*wanted, ()),)


def test_images_that_no_question_is_about_are_named(root: Path) -> None:
    told = as_text(check("daquar", root))
    assert "not read: 1 images of train.txt that no question is about" in told
    assert "all that is read can be used" in told


def test_a_question_without_its_answer_is_an_error(root: Path) -> None:
    path = root / "qa.894.raw.test.txt"
    put(path, path.read_text() + "what is in the image3 ?\n")
    with pytest.raises(DataError, match="an answer follows each question"):
        Daquar(root=root).read_listing("test")


def test_the_reduced_set_is_another_file(root: Path) -> None:
    with pytest.raises(DataError, match=r"qa\.37\.raw\.train\.txt is missing"):
        Daquar(root=root, answers="37").fingerprint()
    for part in ("train", "test"):
        shutil.copy(root / f"qa.894.raw.{part}.txt", root / f"qa.37.raw.{part}.txt")
    assert Daquar(root=root, answers="37").read_listing("test").examples
