"""Captions of a split, one for each image."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from bench.contracts.data import Split
from bench.errors import DataError


def check_captions(split: Split) -> None:
    """Raises DataError where an image has no caption."""
    if len(split.captions) != len(split) or not all(split.captions):
        raise DataError(f"the {split.name} split has images without a caption")


def one_each(split: Split, rows: Iterable[int], draw: np.random.Generator) -> list[str]:
    """One caption, drawn at random, of each of these images."""
    return [own[int(draw.integers(len(own)))] for own in (split.captions[row] for row in rows)]
