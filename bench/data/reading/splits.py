"""Which split an example belongs to where a data set's owners keep no validation or no test images apart."""

from __future__ import annotations

import zlib
from collections.abc import Collection

HELD_OUT = 20
"""One training image in so many is for validation where the owners keep none apart: nothing is chosen on test data."""
TEST_SHARE = 10
"""One image in so many is for testing where a user's folder does not say which."""
SPLIT_NAMES = {"train": ("train",), "validation": ("validation", "val"), "test": ("test",)}
"""Names, or beginnings of names, by which users' folders and shards say which split they are."""


def held_out(key: str) -> bool:
    """Whether a training image is for validation, by hash of its key."""
    return zlib.crc32(key.encode()) % HELD_OUT == 0


def belongs(split: str, key: str) -> bool:
    """Whether an image that its owners use for training belongs to "train" or "validation"."""
    return held_out(key) is (split == "validation")


def by_hash(key: str) -> str:
    """The split of an image of a data set that has none: "train", "validation" or "test", by hash of its key."""
    if zlib.crc32(f"test:{key}".encode()) % TEST_SHARE == 0:
        return "test"
    return "validation" if held_out(key) else "train"


def without_validation(split: str | None, key: str, named: Collection[str | None]) -> str | None:
    """The split of an image that its owners put into `split`, where they name these splits only.

    Without a "validation" among them some of "train" is for validation. None: it belongs to no split.
    """
    return "validation" if split == "train" and "validation" not in named and held_out(key) else split
