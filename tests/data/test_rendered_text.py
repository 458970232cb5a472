"""rendered-text: which words and fonts a split has, how large they are, and whether they can be seen."""

from __future__ import annotations

import importlib.util
from collections import Counter
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from bench.contracts.data import Split
from bench.data.rendered_text import HEIGHTS, RenderedText, fitting_words
from bench.data.words import fonts
from bench.data.words.paint import CONTRASTS, LUMA, draw_word, pick_colors
from bench.data.words.truth import TEXT_HEIGHT, Written, written_on
from bench.data.words.word_list import WORDS, words_of
from bench.errors import DataError

COUNT = 144


@pytest.fixture(scope="module")
def splits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Split]:
    made = RenderedText(limits={"train": COUNT, "validation": COUNT, "test": COUNT})
    cache: Path = tmp_path_factory.mktemp("cache")
    return {name: made.split(name, cache) for name in made.splits}


def answers(split: Split, kind: str) -> Counter[str]:
    return Counter(question.answer for question in split.questions if question.kind == kind)


def test_words_are_four_letters_and_in_one_split_each() -> None:
    assert len(WORDS) == len(set(WORDS)) == 516
    assert all(len(word) == 4 and word.isascii() and word.islower() for word in WORDS)
    assert sorted(sum((words_of(name) for name in ("train", "validation", "test")), ())) == sorted(WORDS)


def test_no_split_has_a_word_of_another(splits: dict[str, Split]) -> None:
    words = {name: {texts[0].lower() for texts in split.captions} for name, split in splits.items()}
    assert not words["train"] & (words["validation"] | words["test"] | words["test-novel-fonts"])
    assert not words["validation"] & (words["test"] | words["test-novel-fonts"])
    assert words["test-novel-fonts"] <= set(words_of("test"))


def test_novel_fonts_are_in_no_other_split() -> None:
    assert set(fonts.fonts_of("train")) == set(fonts.fonts_of("test")) == set(fonts.FONTS) - set(fonts.NOVEL)
    assert set(fonts.fonts_of("test-novel-fonts")) == set(fonts.NOVEL)
    assert {fonts.FONTS[name].style for name in fonts.NOVEL} <= {fonts.FONTS[x].style for x in fonts.fonts_of("train")}


def test_heights_and_grounds_are_even(splits: dict[str, Split]) -> None:
    for split in splits.values():
        assert set(answers(split, TEXT_HEIGHT).values()) == {COUNT // 4}
        assert set(answers(split, "ground").values()) == {COUNT // 3}


def test_the_height_of_text_is_told(splits: dict[str, Split]) -> None:
    split = splits["test"]
    written = written_on(split)
    assert list(written) == list(range(COUNT))
    assert [of_image.text for of_image in written.values()] == [texts[0] for texts in split.captions]
    assert {of_image.height for of_image in written.values()} == set(HEIGHTS)
    assert written_on(Split("test", split.images, split.captions)) == {}
    first = next(question for question in split.questions if question.kind == TEXT_HEIGHT)
    assert Written(split.captions[0][0], Fraction(first.answer.removesuffix(" of the side"))) == written[0]


@pytest.mark.parametrize("font", fonts.FONTS)
@pytest.mark.parametrize("height", [12, 48])
def test_letters_are_as_high_as_they_are_said_to_be(font: str, height: int) -> None:
    """Measured on the pixels of letters that reach to the top and the foot of a line."""
    cover, box = draw_word("hg", font, height, 128, np.random.default_rng(0))
    inked = np.flatnonzero(cover.max(1))
    assert height - 1 <= len(inked) <= height + 2
    assert box[3] * 128 == pytest.approx(height, rel=0.02, abs=0.4)
    assert (inked[0] - 1) / 128 <= box[1] - box[3] / 2 <= (inked[0] + 1) / 128
    assert cover.max() > 0.5


def test_every_size_has_the_same_words() -> None:
    for name in ("train", "validation", "test", "test-novel-fonts"):
        fitting = fitting_words(name)
        assert set(fitting) == {(font, capital) for font in fonts.fonts_of(name) for capital in (False, True)}
        assert all(len(words) >= 25 for words in fitting.values())
        for (font, _), words in fitting.items():
            for word in words[:5]:
                draw_word(word, font, 12, 32, np.random.default_rng(0))


@pytest.mark.parametrize("contrast", CONTRASTS)
def test_text_stands_out_by_as_much_as_is_said(contrast: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        ground, text = pick_colors(contrast, rng)
        assert contrast[0] <= abs((ground - text) @ LUMA) < contrast[1]


def test_missing_fonts_are_an_error_that_says_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    fonts.load_font.cache_clear()
    fonts._checked.cache_clear()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DataError, match="matplotlib, which is missing: pip install"):
        fonts.load_font("cmr10", 20)
