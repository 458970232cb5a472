"""Every duty of a data set is broken once, and the line that says so is the one that was meant."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bench.check import dataset
from bench.check.dataset import DUTIES
from bench.check.report import Line

Answers = Callable[..., list[Line]]

SEED = "    seed: int = 0\n"
END = "        return Split(name, images, captions, questions, boxes, masks)"
PRINT = "    def fingerprint(self): return "
BROKEN = [
    ("has a docstring", '    """Squares on noise."""\n', "", "SoundData has no docstring"),
    ("is a frozen", "name: str, cache: Path", "name: str", "SoundData.split takes (self, name), not (self, "),
    ("has plain values", SEED, f"{SEED}    of: object = frozenset()\n", "of is frozenset(), which is no plain value"),
    ("has a stable", SEED, f"{SEED}\n{PRINT}3\n", "fingerprint gives 3, no text"),
    ("has a stable", SEED, f"{SEED}\n{PRINT}str(np.random.default_rng().random())\n", "have different fingerprints"),
    ("has a stable", SEED, f"{SEED}\n{PRINT}'always'\n", "another size has the same fingerprint"),
    ("has splits", SEED, f'{SEED}    splits = ("train", "test")\n', "there is no split 'validation'"),
    ("has splits", SEED, f'{SEED}    splits = ("train", "validation", "test", "final")\n', "'final' is none of"),
    ("has splits", "return Split(name", 'return Split("train"', "split('validation') gives 'train'"),
    ("has square", END, f"        images = images / 255\n{END}", "images of train are float64 [20, 32, 32, 3], not"),
    ("has square", END, f"        images = images[:, :16]\n{END}", "images of train are uint8 [20, 16, 32, 3], not"),
    ("has splits", END, f"        images = images[:0]\n{END}", "the train split has no images"),
    ("keeps to its", "min(20, self", "max(20, self", "validation has 20 images, and its limit is 16"),
    ("has captions", '["a square", "white on noise"]', '"a square"', "captions of image 0 of train are one text"),
    ("has captions", '"white on noise"', '" "', "captions of image 0 of train are ['a square', ' ']"),
    ("has captions", "for _ in images", "for _ in images[1:]", "train has captions of 19 images, not of 20"),
    ("has questions", "for row in range(count)", "for row in range(count + 1)", "are about image 20, and there are 20"),
    ("has questions", '"square", "shape")', '1, "shape")', "text, answer and kind are texts, answers a tuple of them"),
    ("has questions", '"square", "shape")', '"square", "shape", "ab")', "answers a tuple of them"),
    ("has questions", "captions, questions,", "captions, [],", "there are no questions of train"),
    ("has boxes", "Box(row,", "Box(-1 - row,", "boxes of train are about image -1, and there are 20"),
    ("has boxes", "corner = 4 / self.size", "corner = 4", "which leaves the image: centre and size are fractions"),
    ("has boxes", "Box(row, \"the square\"", "Box(row, \"\"", "whose text is empty"),
    ("has a mask", "boxes, masks)", "boxes)", "masks of train are none, not uint8 [20, 32, 32]"),
    ("has a mask", "boxes, masks)", "boxes, masks[:, :4])", "are uint8 [20, 4, 32], not uint8 [20, 32, 32]"),
    ("is the same", "rng([self.seed, self.splits.index(name)])", "rng()", "images of train, prepared twice, differ"),
    ("is the same", '"white on noise"', "str(np.random.default_rng().random())", "captions of train, prepared twice"),
    ("keeps test images", "rng([self.seed, self.splits.index(name)])", "rng(0)", "16 of 16 images of test stand"),
]  # fmt: skip
"""The beginning of a duty, an edit of the sound plug-in that breaks it, and what its line then says."""


def test_a_data_set_that_keeps_its_contract_has_no_broken_duty(answers: Answers) -> None:
    assert [line.status for line in answers("data set", "sound")] == ["ok"] * len(DUTIES)


@pytest.mark.parametrize(("duty", "old", "new", "words"), BROKEN)
def test_a_broken_duty_is_a_line(answers: Answers, duty: str, old: str, new: str, words: str) -> None:
    broken = [line.text for line in answers("data set", "sound", (old, new)) if line.status == "FAIL"]
    assert any(text.startswith(duty) and words in text for text in broken), broken


def test_every_duty_is_shown_to_fail() -> None:
    assert not [duty.text for _, duty in DUTIES if not any(duty.text.startswith(broken[0]) for broken in BROKEN)]


def test_a_slow_fingerprint_is_a_broken_duty(answers: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset, "SECONDS", 0.0)
    assert "fingerprint took 0 s" in answers("data set", "sound")[3].text


def test_what_is_not_offered_is_not_asked_for(answers: Answers) -> None:
    offers = 'offers=("captions", "questions", "boxes", "masks")'
    lines = answers(
        "data set", "sound", (offers, "offers=()"), ("images, captions, questions, boxes, masks)", "images)")
    )
    assert [line.status for line in lines] == ["ok"] * (len(DUTIES) - 4)


def test_what_is_offered_and_lacking_now_is_skipped_with_its_reason(answers: Answers) -> None:
    lacks = f'{SEED}\n    def lacks(self, kind): return "no masks.zip" if kind == "masks" else None\n'
    edits = [(SEED, lacks), ("boxes, masks)", "boxes)")]
    left = [str(line) for line in answers("data set", "sound", *edits) if line.status != "ok"]
    assert left == ["skip  data set sound: has a mask of every image: no masks.zip"]


def test_a_data_set_whose_files_are_not_here_is_skipped_with_its_reason(answers: Answers) -> None:
    raises = (
        '        raise __import__("bench.errors").errors.DataError("no folder; --data-root names it")\n        count ='
    )
    *_, why, left = answers("data set", "sound", ("        count =", raises))
    assert why.status == left.status == "skip"
    assert why.text.endswith("no folder; --data-root names it")
