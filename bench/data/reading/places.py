"""Which split the place of a user's file tells: by the names of the folders, or of the shard, on the way to it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping
from pathlib import PurePosixPath

from bench.data.reading.splits import Division, divide, told_by, told_exactly


def told_by_folders(folders: Collection[str]) -> dict[str, str | None]:
    """For each folder that holds images, the split that it or one above it is named after; the uppermost counts.

    Names that are nothing but the word ("train", "val2014") are believed. Where these make no splits, words within
    longer names are ("my_test_set"), if at least half of the folders have one: "bullet_train", "test_tube" are classes.
    """
    exact = {folder: _uppermost(folder, told_exactly) for folder in folders}
    within = {folder: _uppermost(folder, told_by) for folder in folders}
    few = 2 * sum(split is not None for split in within.values()) < len(folders)
    return exact if few or {*exact.values()} - {"train", None} else within


def told_by_names(keys: Collection[str]) -> dict[str, str | None]:
    """For each image the split that its own name tells ("test_001.jpg"); nothing unless these make splits.

    At least half of the images have to be named so, some of them for training: "steam_train.jpg" is a photograph.
    """
    told = {key: told_by(PurePosixPath(key).stem) for key in keys}
    named = {*told.values()} - {None}
    half = 2 * sum(split is not None for split in told.values()) >= len(told)
    return told if half and "train" in named and len(named) > 1 else {}


def told_by_path(path: str) -> str | None:
    """The split that a path tells by the whole name of one of its parts, or else by a word of one."""
    return _uppermost(path, told_exactly) or _uppermost(path, told_by)


def _uppermost(path: str, told: Callable[[str], str | None]) -> str | None:
    return next((split for part in path.split("/") if (split := told(part))), None)


def assign(told: Mapping[str, str | None], lost: Collection[str], what: str) -> Division:
    """Divide images into splits, as `divide` does.

    Of those that cannot be used, none is drawn for validation or testing, so that few of many are few in each split.

    Args:
        told: for each image the split that its place tells.
        lost: those among them that cannot be used; they get the split in which they are counted.
        what: what tells it, for the line that says so.
    """
    division = divide({key: split for key, split in told.items() if key not in lost}, what)
    becomes = {split: division.splits[key] for key, split in told.items() if key in division.splits}
    becomes |= {"train": "train"}  # some of which is held out
    counted = {key: becomes.get(told[key], told[key]) if division.by_name else "train" for key in told if key in lost}
    return dataclasses.replace(division, splits={**division.splits, **counted})
