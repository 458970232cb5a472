"""Words of captions to mask, as the tokenizer of a `WordPredictor` cuts them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
from torch import Tensor

from bench.contracts.method import WordPredictor
from bench.errors import NotMeasurable
from bench.text.words import word_positions

BATCH = 4096
NEVER = np.iinfo(np.int64).max
"""Rank of positions that are never masked: padding, start, end."""


def masking_ranks(ids: Tensor, rng: np.random.Generator) -> np.ndarray:
    """A random order in which each caption's words are masked: ranks from 0, int64 [N, L], `NEVER` where no word is.

    So the positions with a rank below k are k random words of a caption, or all of them where it has fewer.
    """
    words = word_positions(ids).numpy()
    noise = np.where(words, rng.random(words.shape), np.inf)
    return np.where(words, noise.argsort(1).argsort(1), NEVER)


def most_frequent(words: WordPredictor, captions: Sequence[str]) -> int:
    """Id of the most frequent word piece of captions; of several, the smallest.

    Raises:
        NotMeasurable: the captions have no words.
    """
    counts: Counter[int] = Counter()
    for start in range(0, len(captions), BATCH):
        ids = words.tokenize(list(captions[start : start + BATCH]))
        counts.update(ids[word_positions(ids)].tolist())
    if not counts:
        raise NotMeasurable("its captions have no words")
    return min(counts, key=lambda id_: (-counts[id_], id_))


def piece_names(words: WordPredictor, captions: Sequence[str]) -> dict[int, str]:
    """Texts of the word pieces that are a whole word or mark of some caption."""
    plain = sorted({word for caption in captions for word in re.findall(r"\w+|[^\w\s]", caption.lower())})
    names: dict[int, str] = {}
    for start in range(0, len(plain), BATCH):
        batch = plain[start : start + BATCH]
        for word, row in zip(batch, words.tokenize(batch).tolist(), strict=True):
            _, *pieces, _ = (id_ for id_ in row if id_ != 0)
            if len(pieces) == 1:
                names[pieces[0]] = word if pieces[0] not in names else "unknown"
    return names
