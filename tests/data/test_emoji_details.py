from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest

from bench.contracts.data import Question
from bench.data.emoji.art import NAMES
from bench.data.emoji.even import Evenly
from bench.data.emoji.fine_questions import COUNTS, category, fine_questions
from bench.data.emoji.language import PLACES, Scene
from bench.data.emoji.splits import is_novel_pair
from bench.data.emoji_details import EmojiDetails, scenes

SPLITS = EmojiDetails.splits
CHANCE = {"object": 1 / 32, "count": 1 / 4, "texture": 1 / 4, "relation": 1 / 32}


def asked_of(name: str, count: int) -> list[tuple[Scene, Question]]:
    rng = np.random.default_rng(0)
    even = Evenly(rng)
    numbered = enumerate(itertools.islice(scenes(name, 0), count))
    return [(scene, question) for image, scene in numbered for question in fine_questions(scene, image, rng, even)]


def test_no_arrangement_is_in_two_splits() -> None:
    seen: dict[object, str] = {}
    for name in SPLITS:
        for scene in itertools.islice(scenes(name, 0), 2000):
            placed = frozenset(zip(scene.corners, scene.kinds, strict=True))
            assert seen.setdefault((placed, scene.color, scene.texture), name) == name
            novel = [is_novel_pair(*pair) for pair in itertools.combinations(scene.kinds, 2)]
            assert any(novel) is (name == "test-novel-pairs")


@pytest.mark.parametrize("count", [240, 2000])
@pytest.mark.parametrize("name", SPLITS)
def test_answers_are_even(name: str, count: int) -> None:
    """In every type, and of every category that is counted; also of the first scenes alone."""
    answers: dict[object, Counter[str]] = defaultdict(Counter)
    for _, question in asked_of(name, count):
        answers[question.kind][question.answer] += 1
        if question.kind == "count":
            answers[question.text.split()[2]][question.answer] += 1
    assert {kind: len(answers[kind]) for kind in CHANCE} == {kind: round(1 / chance) for kind, chance in CHANCE.items()}
    assert len(answers) == len(CHANCE) + 3
    assert all(max(counts.values()) - min(counts.values()) <= 5 for counts in answers.values()), answers


@pytest.mark.parametrize("name", SPLITS[1:])
def test_a_question_does_not_give_its_answer_away(name: str) -> None:
    """The most frequent training answer to the same words is right about as often as chance."""
    answers: dict[str, Counter[str]] = defaultdict(Counter)
    for _, question in asked_of("train", 4000):
        answers[question.text][question.answer] += 1
    right: dict[str, list[bool]] = defaultdict(list)
    for _, question in asked_of(name, 2000):
        guess = answers[question.text].most_common(1)
        right[question.kind].append(bool(guess) and guess[0][0] == question.answer)
    for kind, chance in CHANCE.items():
        tolerance = 4 * np.sqrt(chance * (1 - chance) / 2000)
        least, most = chance - tolerance, chance + tolerance
        if kind == "relation":  # scenes show several of a category, so that neighbours are alike more often than not
            least, most = 0, 0.1
        assert least < np.mean(right[kind]) < most, kind


def test_answers_are_right(tmp_path: Path) -> None:
    """Worked out again from masks and boxes, which are painted."""
    split = EmojiDetails(limits={"test": 300}).split("test", tmp_path)
    assert split.masks is not None
    centres: dict[int, dict[str, tuple[float, float]]] = defaultdict(dict)
    for box in split.boxes:
        centres[box.image][box.text.removeprefix("the ")] = box.box[:2]
    seen: Counter[str] = Counter()
    for question in split.questions:
        here = centres[question.image]
        words = question.text.rstrip("?")
        kinds = [int(kind) - 1 for kind in np.unique(split.masks[question.image]) if kind]
        assert sorted(NAMES.index(name) for name in here) == kinds
        assert len(kinds) == 3
        if question.kind == "object":
            x, y = here[question.answer]
            assert PLACES[2 * (y > 0.5) + (x > 0.5)] in words
        elif question.kind == "count":
            assert COUNTS[sum(category(kind) == words.split()[2] for kind in kinds)] == question.answer
        elif question.kind == "texture":
            shown = question.answer in split.captions[question.image][0]
            assert shown or question.answer == "plain"
        else:
            assert stands_so(words, here) == [question.answer]
        seen[question.kind] += 1
    assert dict(seen) == dict.fromkeys(CHANCE, 300)


def stands_so(words: str, here: dict[str, tuple[float, float]]) -> list[str]:
    """All objects in the same row or column that stand to the named one as a question says, by halves of the image."""
    (relation,) = (said for said in ("left of", "right of", "above", "below") if f" {said} " in words)
    there = {name: (x > 0.5, y > 0.5) for name, (x, y) in here.items()}
    x, y = there[words.split(f" {relation} the ")[1]]
    wanted = {"left of": (x - 1, y), "right of": (x + 1, y), "above": (x, y - 1), "below": (x, y + 1)}[relation]
    return [name for name, place in there.items() if place == wanted]
