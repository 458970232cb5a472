"""Where records lie: in `<data set>/<method>/<task>/<key>.json` below the results."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.records.record import Record

DEPTH = 3
"""Folders above a record."""
SUFFIX = ".json"
UNFIT = re.compile(r"[^A-Za-z0-9._+=@-]|^\.")
"""Characters of names that do not belong in a path."""


def place_of(record: Record) -> str:
    """The path of a record's JSON below the results; what does not belong in a path is "_"."""
    return f"{_folder(record.dataset.name, record.method.name, record.task)}/{record.key}{SUFFIX}"


@functools.lru_cache(maxsize=2**14)
def _folder(*names: str) -> str:
    return "/".join(UNFIT.sub("_", name) for name in names)


def folders(root: str, problems: list[str]) -> list[str]:
    """All folders in which records may lie, sorted, each with a "/" at its end; links to folders are followed.

    problems: gets a line for each folder that cannot be read.
    """
    found = [""]
    for _ in range(DEPTH):
        found = [f"{above}{name}/" for above in found for name in _folders_in(f"{root}/{above}", problems)]
    return sorted(found)


def files(root: str, problems: list[str]) -> Iterator[str]:
    """All paths that are named like a record's, whatever is there, folder by folder.

    problems: see `folders`.
    """
    for folder in folders(root, problems):
        try:
            names = os.listdir(f"{root}/{folder}")  # noqa: PTH208 - a hundred thousand names
        except OSError as error:
            _note(error, problems)
            continue
        yield from sorted(f"{folder}{name}" for name in names if name.endswith(SUFFIX))


def _folders_in(folder: str, problems: list[str]) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries if _is_folder(entry)]
    except OSError as error:
        _note(error, problems)
        return []


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _note(error: OSError, problems: list[str]) -> None:
    """A folder that is not there, or no longer, is no problem."""
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        problems.append(f"{error.filename}: a folder that cannot be read ({error.strerror})")
