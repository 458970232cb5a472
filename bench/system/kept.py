"""Values that are computed once and kept in the cache, each in a folder of its own.

Of any number of processes that want the same value at once, one makes it and the others wait. What is kept is sealed
(see `bench.system.sealed`) and on the disk before it gets its name. A process holds it to its seal when it first uses
it, and makes it anew where it is damaged: a wrong value is never read, and nobody has to clear up.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from safetensors import SafetensorError

from bench.errors import BenchError, DataError
from bench.system import sealed
from bench.system.claims import claim
from bench.system.files import DiskError, remove, whole_folder
from bench.system.fingerprint import of_value

T = TypeVar("T")

KEY_DIGITS = 20
"""Length of a key in a file's name: 80 bits, with which no two of a billion keys are expected to meet."""

DAMAGE = (OSError, EOFError, LookupError, RuntimeError, SafetensorError, TypeError, ValueError)
"""What reading raises where a file is cut off, changed, or of another form than the one that is written today."""
OF_DAMAGE = (None, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.EIO, errno.EUCLEAN, errno.EBADMSG)
"""Numbers of those system errors that say so; others, such as too many open files, say nothing of what is kept."""

OF_THE_MACHINE = re.compile("out of memory|allocate memory|CUDA error|cuDNN error")
"""What is in the texts of errors of torch that say nothing of it either."""


class _Unusable(Exception):
    """Its text is why; empty where there is nothing yet."""


def key_of(value: object) -> str:
    """A key for the name of a kept file, from everything that determines its content (plain values only)."""
    return of_value(value)[:KEY_DIGITS]


def kept(path: Path | None, make: Callable[[], T], pack: Callable[[T], bytes], read: Callable[[Path], T]) -> T:
    """A value that fits into memory, read from where it is kept; where it is not yet, it is made and written.

    Args:
        path: of a folder that holds it in one file. None: the value is made and not kept.
        make: computes the value.
        pack: the value as the file's content.
        read: the value from the file; ValueError where the content is not what it should be.

    Raises:
        BenchError: as `kept_folder` does.
    """
    if path is None:
        return make()
    name = f"value{path.suffix}"
    return kept_folder(path, lambda folder: _write(folder / name, pack(make())), lambda folder: read(folder / name))


def kept_folder(folder: Path, fill: Callable[[Path], None], read: Callable[[Path], T]) -> T:
    """A value from its folder of files, for what is too large for memory.

    Args:
        folder: appears whole or not at all.
        fill: writes the files into an empty folder, where there is none yet or where it is damaged.
        read: the value from the folder; ValueError where a file is not what it should be.

    Raises:
        DataError: what was made this moment cannot be read, or what is damaged cannot be replaced.
        DiskError: the file system refuses to write, or to read for a reason that is no damage; what is kept stays.
        RuntimeError: the machine has no memory left, or the like; what is kept stays.
        BenchError: nothing can be written there, or its file system offers no locks.
    """
    try:
        return _read(folder, read)
    except _Unusable as error:
        damage = str(error)
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(claim(folder))
        except BenchError as error:
            if damage:
                raise DataError(f"{folder} is damaged ({damage}) and cannot be made anew: {error}") from error
            raise
        try:
            return _read(folder, read)  # made by another process, while this one waited
        except _Unusable as error:
            _tell(folder, str(error))
        remove(folder)
        with whole_folder(folder) as scratch:
            try:
                fill(scratch)
            except SafetensorError as error:  # how a full disk is reported
                raise DiskError(f"{folder} cannot be written: {error}") from error
            sealed.seal(scratch)
        try:
            return _read(folder, read)
        except _Unusable as error:
            raise DataError(f"{folder} cannot be read, though it was made this moment: {error}") from error.__cause__


def _read(folder: Path, read: Callable[[Path], T]) -> T:
    if not os.path.lexists(folder):
        raise _Unusable
    try:
        sealed.check(folder)
        return read(folder)
    except DAMAGE as error:
        if not _is_damage(error):
            if isinstance(error, OSError):
                raise DiskError(f"{folder} cannot be read: {error.strerror}") from error
            raise
        raise _Unusable(" ".join(str(error).split()) or type(error).__name__) from error


def _is_damage(error: Exception) -> bool:
    """Whether an error is about what is kept, and not about the machine.

    Weeks of training are not thrown away because a device has no memory left.
    """
    if isinstance(error, OSError):
        return error.errno in OF_DAMAGE
    return not (isinstance(error, RuntimeError) and OF_THE_MACHINE.search(str(error)))


def _tell(folder: Path, damage: str) -> None:
    if damage:
        with contextlib.suppress(OSError):  # nobody may be listening any more
            print(f"{folder} is damaged ({damage}); made anew", file=sys.stderr, flush=True)


def _write(path: Path, data: bytes) -> None:
    path.write_bytes(data)
