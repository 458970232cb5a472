"""The files below a data set's folder: links to folders are followed, as far as they do not lead back."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

from bench.data.reading.paths import entries_of
from bench.errors import DataError

MOST_LINKED = 100_000
"""Folders read through links; more come from links that lead in circles."""


class Found(NamedTuple):
    """A file, or a link that leads nowhere.

    name: below the folder that was walked, with forward slashes. base: that folder, or the last link to a folder on the
    way. below: the file's name below base. real: where it lies, whatever links lead there. lost: why it is no file.
    """

    name: str
    base: Path
    below: str
    real: str
    lost: str = ""


class _Folder(NamedTuple):
    """A folder to read. name, below: as in `Found`, ending in a slash or empty. way: real paths of it and those above.

    linked: whether a link is on the way.
    """

    path: str
    name: str
    base: Path
    below: str
    way: tuple[str, ...]
    linked: bool


def walk(root: Path, without: Collection[str] = ()) -> Iterator[Found]:
    """Every file below a folder, links to folders followed, in the order of their names.

    What file managers and the like leave behind (`paths.is_leftover`) is passed over.

    A link back to a folder on the way is passed over: all that is in it is read anyway.

    Args:
        without: folders that are not looked into, as they are named below the root, "." for the root itself.

    Raises:
        DataError: links lead to more folders than there can be.
    """
    folders, linked = [_Folder(str(root), "", root, "", (os.path.realpath(root),), linked=False)], 0
    while folders:
        folder = folders.pop()
        if (folder.name.rstrip("/") or ".") in without:
            continue
        linked += folder.linked
        if linked > MOST_LINKED:
            raise DataError(f"{root}: links lead to more than {MOST_LINKED:,} folders, or in circles")
        inner = []
        for entry in entries_of(folder.path):
            name, below = folder.name + entry.name, folder.below + entry.name
            real = os.path.realpath(entry.path) if entry.is_symlink() else f"{folder.way[-1]}/{entry.name}"
            if not entry.is_symlink():
                if entry.is_dir():
                    inner.append(
                        _Folder(entry.path, f"{name}/", folder.base, f"{below}/", (*folder.way, real), folder.linked)
                    )
                else:
                    yield Found(name, folder.base, below, real)
            elif not os.path.exists(real):  # noqa: PTH110 - a hundred thousand times
                yield Found(name, folder.base, below, real, "a link that leads nowhere")
            elif not entry.is_dir():
                yield Found(name, folder.base, below, real)
            elif not any(_holds(real, step) for step in folder.way):
                inner.append(_Folder(entry.path, f"{name}/", Path(entry.path), "", (*folder.way, real), linked=True))
            elif not any(_holds(step, real) for step in folder.way):
                yield Found(name, folder.base, below, real, "a link to a folder that holds the data set itself")
        folders += reversed(inner)


def _holds(folder: str, path: str) -> bool:
    """Whether a path is a folder or lies below it; both are real paths."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")
