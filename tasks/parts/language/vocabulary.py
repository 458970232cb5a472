"""The plain vocabulary of task heads that read text: words as numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np

PADDING, UNKNOWN, END = range(3)
WORD = re.compile(r"\w+(?:['-]\w+)*")


class Vocabulary:
    """The words of some texts. Ids: 0 padding, 1 any other word, 2 end of text, then the words in sorted order."""

    def __init__(self, texts: Iterable[str]) -> None:
        words = sorted({word for text in texts for word in _words(text)})
        self.ids = {word: number for number, word in enumerate(words, END + 1)}

    def __len__(self) -> int:
        return len(self.ids) + END + 1

    def encode(self, texts: Sequence[str], length: int) -> np.ndarray:
        """Ids int64 [N, length]: words in lower case, cut to length - 1, then the end, then padding."""
        ids = np.full((len(texts), length), PADDING, np.int64)
        for row, text in zip(ids, texts, strict=True):
            words = _words(text)[: length - 1]
            numbers = [*(self.ids.get(word, UNKNOWN) for word in words), END]
            row[: len(numbers)] = numbers
        return ids


def _words(text: str) -> list[str]:
    """Words in lower case, without marks."""
    return WORD.findall(text.lower())
