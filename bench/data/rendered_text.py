"""rendered-text: one printed word an image, at four sizes, in eight fonts, on plain, shaded and textured grounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import ClassVar

import numpy as np
from typing_extensions import override

from bench.contracts.arguments import Seed
from bench.contracts.data import Box, DataSet, Question, Split
from bench.data.emoji.even import Evenly
from bench.data.pixels import prepared
from bench.data.words.fonts import FONTS, fonts_of
from bench.data.words.paint import CONTRASTS, GROUNDS, blend, draw_word, paint_ground, pick_colors, width_of
from bench.data.words.truth import TEXT_HEIGHT, height_answer
from bench.data.words.word_list import words_of
from bench.registry import datasets
from bench.system import fingerprint
from bench.system.kept import kept_folder

HEIGHTS = (Fraction(1, 8), Fraction(3, 16), Fraction(1, 4), Fraction(3, 8))
"""Of a line, from the top of "h" to the foot of "g", as fractions of the image's side: 4, 6, 8 and 12 of 32 px."""
WIDEST = 0.96
"""Fraction of the side that a word may fill."""
STREAMS = ("train", "validation", "test", "test-novel-fonts")


@datasets.register("rendered-text", offers=("captions", "questions", "boxes"))
@dataclass(frozen=True)
class RenderedText(DataSet):
    """One printed word an image: 516 words of four letters, four heights, eight fonts; no two splits share a word.

    The caption is the word. Heights and fonts are even in every split, grounds and contrasts at every height. The words
    of "test-novel-fonts" are those of "test", in two fonts that no other split has.

    seed: of all images. Images of a split are a stream, of which the limits take the first.
    """

    seed: Seed = 0
    splits: ClassVar[tuple[str, ...]] = STREAMS
    counts: ClassVar[Mapping[str, int]] = {"train": 24_000, "validation": 2_000, "test": 2_000}

    @override
    def fingerprint(self) -> str:
        files = [font.sha256 for font in FONTS.values()]
        return fingerprint.of_value([self.size, {name: self._count(name) for name in STREAMS}, self.seed, files])

    @override
    def split(self, name: str, cache: Path) -> Split:
        key = fingerprint.of_value([self.fingerprint(), fingerprint.of_code([Path(__file__)])])[:16]
        folder = cache / "data" / f"rendered-text-{key}" / name
        return kept_folder(folder, lambda scratch: self._prepare(name, scratch), lambda kept: prepared.read(name, kept))

    def _count(self, name: str) -> int:
        kind = "test" if name.startswith("test") else name
        return self.limits.get(kind, self.counts[kind])

    def _prepare(self, name: str, folder: Path) -> None:
        rng = np.random.default_rng([self.seed, STREAMS.index(name)])
        even = Evenly(rng)
        writer = prepared.Writer(folder, self._count(name), self.size, masks=False)
        notes = prepared.Annotations()
        words = fitting_words(name)
        for number in range(self._count(name)):
            font, capital = even.pick("face", list(words))
            height = even.pick("height", HEIGHTS)
            kind = even.pick(("ground", height), GROUNDS)
            word = even.pick("word", words[font, capital])
            letters = draw_word(word, font, float(height * self.size), self.size, rng)
            color, text = pick_colors(even.pick(("contrast", height), CONTRASTS), rng)
            writer.images[number] = blend(paint_ground(kind, color, self.size, rng), letters.cover, text)
            notes.captions.append([word])
            notes.questions += [
                Question(number, "how high is the text?", height_answer(height), TEXT_HEIGHT),
                Question(number, "which kind of font is it?", FONTS[font].style, "font"),
                Question(number, "what is the ground like?", kind, "ground"),
            ]
            notes.boxes.append(Box(number, "the text", letters.box))
        writer.finish(notes)


def fitting_words(split: str) -> dict[tuple[str, bool], tuple[str, ...]]:
    """By font, and whether the first letter is a capital: the words of a split that fit at the largest height.

    Smaller text has the same words: sizes differ in nothing but size.
    """
    words = words_of("test" if split.startswith("test") else split)
    widest = WIDEST / float(max(HEIGHTS))
    found = {}
    for font in fonts_of(split):
        for capital in (False, True):
            written = (word.title() if capital else word for word in words)
            found[font, capital] = tuple(word for word in written if width_of(word, font) <= widest)
    return found
