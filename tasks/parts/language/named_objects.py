"""Whether captions name the objects of an image: all that its boxes name, each once, and none besides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

import numpy as np

from bench.contracts.data import Box, Split
from bench.errors import NotMeasurable
from bench.tasks.parts.language.vocabulary import WORD

ARTICLES = {"a", "an", "the"}
NAMED = 0.9
"""Share of images of which a reference must name the objects in the boxes' own words; else captions are not told from
others by them."""

PROTOCOL = "the objects are the texts of the boxes without article; each is named as often as it is there, none besides"

Phrase = tuple[str, ...]


def objects_named(split: Split, captions: Sequence[str], training: Sequence[Box]) -> np.ndarray:
    """Whether the caption of each image names its objects, float64 [N].

    Args:
        split: of N images. captions: one for each of them. training: boxes that say what else there is to name.

    Raises:
        NotMeasurable: the split has no boxes, or its own captions name their objects otherwise.
    """
    if not split.boxes:
        raise NotMeasurable("there are no boxes, which say what there is to be named")
    phrases = {phrase(box.text) for box in (*split.boxes, *training)}
    there = [Counter[Phrase]() for _ in range(len(split))]
    for box in split.boxes:
        there[box.image][phrase(box.text)] += 1
    references = [
        any(named(text, phrases) == wanted for text in texts)
        for texts, wanted in zip(split.captions, there, strict=True)
    ]
    if np.mean(references) < NAMED:
        raise NotMeasurable(
            f"only {np.mean(references):.0%} of the images have a reference that names the objects of their boxes, "
            "and those alone, in the boxes' words"
        )
    return np.array([named(text, phrases) == wanted for text, wanted in zip(captions, there, strict=True)], np.float64)


def named(text: str, phrases: Collection[Phrase]) -> Counter[Phrase]:
    """How often a text names each of these; where several begin at one word, the longest counts."""
    words = WORD.findall(text.lower())
    longest = max(map(len, phrases))
    found, place = Counter[Phrase](), 0
    while place < len(words):
        candidates = (tuple(words[place : place + length]) for length in range(longest, 0, -1))
        match = next((candidate for candidate in candidates if candidate in phrases), None)
        if match is not None:
            found[match] += 1
        place += 1 if match is None else len(match)
    return found


def phrase(text: str) -> Phrase:
    """The words of a box's text, without an article before them."""
    words = WORD.findall(text.lower())
    return tuple(words[1:] if words and words[0] in ARTICLES else words)
