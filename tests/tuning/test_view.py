"""What trials see: halves of the validation images, and no test image by any name."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from helpers.guarded_plugin import Guarded
from helpers.miniatures import WRITERS

from bench.contracts.data import Box, Question, Split
from bench.data.emoji_scenes import EmojiScenes
from bench.errors import DataError
from bench.registry import datasets
from bench.tuning.view import ValidationHalves, half, sizes


def test_halves_share_no_image_and_notes_follow_theirs() -> None:
    images = np.arange(5, dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 4, 3), np.uint8)
    split = Split(
        "validation",
        images,
        captions=[[f"caption {row}"] for row in range(5)],
        questions=[Question(row, "which?", str(row), "number") for row in (4, 1, 1, 2)],
        boxes=[Box(3, "it", (0.5, 0.5, 1.0, 1.0))],
        masks=images[..., 0],
    )
    kept, test = half(split, "validation"), half(split, "test")
    assert (kept.name, test.name) == ("validation", "test")
    assert kept.images[:, 0, 0, 0].tolist() == kept.masks[:, 0, 0].tolist() == [0, 2, 4]  # type: ignore[index]
    assert test.images[:, 0, 0, 0].tolist() == test.masks[:, 0, 0].tolist() == [1, 3]  # type: ignore[index]
    assert test.captions == [["caption 1"], ["caption 3"]]
    assert [(question.image, question.answer) for question in kept.questions] == [(2, "4"), (1, "2")]
    assert [(question.image, question.answer) for question in test.questions] == [(0, "1"), (0, "1")]
    assert (list(kept.boxes), [box.image for box in test.boxes]) == ([], [1])
    assert np.shares_memory(kept.images, images)
    with pytest.raises(DataError, match="one image"):
        half(dataclasses.replace(split, images=images[:1]), "test")


def test_no_test_split_can_be_reached(tmp_path: Path) -> None:
    whole = Guarded()
    seen = ValidationHalves(whole.size, whole.limits, whole.root, whole=whole)
    assert seen.splits == ("train", "validation", "test")
    splits = {name: seen.split(name, tmp_path) for name in seen.splits}
    assert {name: len(split) for name, split in splits.items()} == {"train": 31, "validation": 16, "test": 15}
    for name in ("test-far", "tests", ""):
        with pytest.raises(KeyError):
            seen.split(name, tmp_path)
    with pytest.raises(AssertionError, match="was read"):
        whole.split("test", tmp_path)


def test_the_halves_have_an_identity_of_their_own(tmp_path: Path) -> None:
    limits = {"train": 8, "validation": 5, "test": 4}
    whole = EmojiScenes(limits=limits)
    seen = ValidationHalves(whole.size, whole.limits, whole.root, whole=whole)
    assert seen.fingerprint() != whole.fingerprint()
    assert sizes(limits) == {"train": 8, "validation": 3, "test": 2}
    assert {name: len(seen.split(name, tmp_path)) for name in seen.splits} == sizes(limits)
    assert not list(tmp_path.glob("**/test*"))


@pytest.mark.parametrize("name", sorted(WRITERS))
def test_of_files_no_test_image_is_decoded(name: str, miniatures: Path, tmp_path: Path) -> None:
    whole = datasets.get(name).load()(size=16, root=miniatures / name, tolerate=1.0)
    seen = ValidationHalves(whole.size, whole.limits, whole.root, whole=whole)
    assert all(len(seen.split(split, tmp_path)) for split in seen.splits)
    assert sorted(path.name for path in tmp_path.glob("data/*/*")) == ["train", "validation"]
