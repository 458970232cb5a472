"""Files that anybody may have put there: only regular ones are opened, and no more is read than is allowed."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def opened(path: Path, limit: int) -> Iterator[BinaryIO]:
    """A regular file of at most `limit` bytes, or a link to one, open for reading.

    Raises:
        ValueError: it is a device, a pipe, a folder or the like, or larger.
        OSError: as the system reports it.
    """
    _check(path.stat(), limit)  # before it is opened, since with a device that may do something
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe that took its place meanwhile is not waited for
    with os.fdopen(fd, "rb") as file:
        _check(os.fstat(fd), limit)
        yield file


def read(path: Path, limit: int) -> bytes:
    """The content of such a file.

    Raises:
        ValueError, OSError: as `opened` does.
    """
    with opened(path, limit) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise ValueError(f"larger than {limit} bytes")
    return content


def _check(status: os.stat_result, limit: int) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("not a regular file")
    if status.st_size > limit:
        raise ValueError(f"larger than {limit} bytes")
