"""METEOR from counts, of many resamples at once: what its standard error over images is computed with.

Parameters are those of METEOR 1.5 for English (Denkowski and Lavie 2014, table 1), names those of the paper.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

ALPHA, BETA, GAMMA, DELTA = 0.85, 0.2, 0.6, 0.75
WEIGHTS = np.array([1.0, 0.6, 0.8, 0.6])
"""Of exact matches, stems, synonyms and paraphrases."""
LENGTHS, MATCHES = 4, 16
COLUMNS = LENGTHS + MATCHES + 3


def meteor_counts(statistics: Sequence[str]) -> np.ndarray:
    """What each caption adds to the counts over all, float64 [N, 23].

    These are the words of the caption and of the reference and the function words among them; for each way to match,
    the content words that match in both and the function words that do; chunks, and words in them in both. A caption
    that is its reference adds no chunk: it has no gap.

    Args:
        statistics: as METEOR's program writes them.

    Raises:
        ValueError: they are not that.
    """
    counts = np.array([line.split() for line in statistics], np.float64).reshape(-1, COLUMNS)
    lengths, chunks, matches = counts[:, :2], counts[:, -3], counts[:, -2:]
    counts[(chunks == 1) & (lengths == matches).all(1), -3] = 0
    return counts


def meteor_of(sums: np.ndarray) -> np.ndarray:
    """METEOR of sums of counts [R, 23], [R]; 0 where no word matches."""
    lengths, matches, chunks = sums[:, :LENGTHS], sums[:, LENGTHS:-3].reshape(-1, 4, 2, 2), sums[:, -3]
    words, function_words = lengths[:, :2], lengths[:, 2:]
    content, function = matches[:, :, 0], matches[:, :, 1]  # each [R, way, caption or reference]
    matched = np.einsum("w,rws->rs", WEIGHTS, DELTA * content + (1 - DELTA) * function)
    weighed = DELTA * (words - function_words) + (1 - DELTA) * function_words
    some = (matched > 0).all(1)
    precision, recall = np.divide(matched, weighed, out=np.ones_like(matched), where=some[:, None]).T
    f_mean = precision * recall / (ALPHA * precision + (1 - ALPHA) * recall)
    gaps = np.divide(chunks, matches.sum((1, 2, 3)) / 2, out=np.zeros_like(chunks), where=some)
    return np.where(some, f_mean * (1 - GAMMA * gaps**BETA), 0)
