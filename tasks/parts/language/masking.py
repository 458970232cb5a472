"""Words of captions to mask, as the tokenizer of a `WordPredictor` cuts them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
from torch import Tensor

from bench.contracts.method import WordPredictor
from bench.text.words import word_positions

BATCH = 4096
NEVER = np.iinfo(np.int64).max
"""The turn of a position that is never masked."""


def masking_turns(ids: Tensor, draw: np.random.Generator) -> np.ndarray:
    """At each position of captions [N, L] when its word is masked, from 0; `NEVER` where no word is.

    What is below k are k random words of each caption, all of them where it has fewer.
    """
    words = word_positions(ids).numpy()
    noise = np.where(words, draw.random(words.shape), np.inf)
    return np.where(words, noise.argsort(1).argsort(1), NEVER)


def most_frequent(words: WordPredictor, captions: Sequence[str]) -> int:
    """Id of the most frequent word piece of captions; of several, the smallest."""
    counts: Counter[int] = Counter()
    for start in range(0, len(captions), BATCH):
        ids = words.tokenize(list(captions[start : start + BATCH]))
        counts.update(ids[word_positions(ids)].tolist())
    return min(counts, key=lambda id_: (-counts[id_], id_))


def piece_names(words: WordPredictor, captions: Sequence[str]) -> dict[int, str]:
    """Texts of the word pieces that are a whole word or mark of some caption."""
    plain = sorted({word for caption in captions for word in re.findall(r"\w+|[^\w\s]", caption.lower())})
    names: dict[int, str] = {}
    for start in range(0, len(plain), BATCH):
        part = plain[start : start + BATCH]
        for word, row in zip(part, words.tokenize(part).tolist(), strict=True):
            _, *pieces, _ = (id_ for id_ in row if id_ != 0)
            if len(pieces) == 1:
                names[pieces[0]] = word if pieces[0] not in names else "unknown"
    return names
