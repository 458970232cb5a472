"""A caption for each image of a split."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from bench.contracts.data import Split
from bench.errors import DataError


def check_captions(split: Split) -> None:
    """Raises DataError where an image has no caption."""
    if len(split.captions) != len(split) or not all(split.captions):
        raise DataError(f"the {split.name} split has images without a caption")


def one_each(split: Split, rows: Iterable[int], rng: np.random.Generator) -> list[str]:
    """One caption, drawn at random, of each of these images."""
    return [texts[int(rng.integers(len(texts)))] for texts in (split.captions[row] for row in rows)]
