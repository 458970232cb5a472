"""Files that anybody may have put there: only regular ones are opened, and no more is read than is allowed."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

PIECE = 2**20
"""Bytes that are read at once of a file that is larger than it was."""


@contextmanager
def opened(path: Path | str, limit: int) -> Iterator[BinaryIO]:
    """A regular file of at most `limit` bytes, or a link to one, open for reading.

    Raises:
        ValueError: it is a device, a pipe, a folder or the like, or larger.
        OSError: as the system reports it.
    """
    with os.fdopen(_open(path, limit)[0], "rb") as file:
        yield file


def read(path: Path | str, limit: int) -> bytes:
    """The content of such a file.

    Raises:
        ValueError, OSError: as `opened` does.
    """
    fd, size = _open(path, limit)
    try:
        content = os.read(fd, size + 1)
        while len(content) <= limit and (piece := os.read(fd, PIECE)):  # else it has grown meanwhile
            content += piece
    finally:
        os.close(fd)
    if len(content) > limit:
        raise ValueError(f"larger than {limit} bytes")
    return content


def _open(path: Path | str, limit: int) -> tuple[int, int]:
    """A descriptor of the file, and its size."""
    _check(os.stat(path), limit)  # noqa: PTH116 - before it is opened, since with a device that may do something
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe that took its place meanwhile is not waited for
    try:
        return fd, _check(os.fstat(fd), limit)
    except BaseException:
        os.close(fd)
        raise


def _check(status: os.stat_result, limit: int) -> int:
    """The size of a regular file that is not too large."""
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("not a regular file")
    if status.st_size > limit:
        raise ValueError(f"larger than {limit} bytes")
    return status.st_size
