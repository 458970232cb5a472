"""How far one reading of a text agrees with another."""

from __future__ import annotations

import unicodedata
from collections import Counter
from typing import NamedTuple

from nltk.metrics.distance import edit_distance

from bench.errors import NotMeasurable

SHORTEST = 2
"""Letters or digits of a word: single ones are what an engine sees in edges."""

PROTOCOL = {
    "words": f"split at spaces, without regard to case, of letters, marks and digits alone; of {SHORTEST} or more",
    "word_accuracy": "share of a reference's words that the reading has, each as often as it is there",
    "character_error_rate": "edit distance of the words joined by spaces / characters of the reference; may exceed 1",
    "word_error_rate": "edit distance in whole words / words of the reference; may exceed 1",
}


class Agreement(NamedTuple):
    """See `PROTOCOL`."""

    word_accuracy: float
    character_error_rate: float
    word_error_rate: float


def words_in(text: str) -> list[str]:
    """The words of a text as they are compared."""
    kept = (c if c.isspace() or unicodedata.category(c)[0] in "LMN" else "" for c in text)
    return [word for word in "".join(kept).casefold().split() if len(word) >= SHORTEST]


def compare(reading: str, reference: str) -> Agreement:
    """How far a reading agrees with its reference.

    Raises:
        NotMeasurable: the reference has no word.
    """
    read, wanted = words_in(reading), words_in(reference)
    if not wanted:
        raise NotMeasurable("the reference has no word")
    kept = (Counter(read) & Counter(wanted)).total()
    joined = " ".join(wanted)
    return Agreement(
        kept / len(wanted),
        edit_distance(" ".join(read), joined) / len(joined),
        edit_distance(read, wanted) / len(wanted),
    )
