"""Values that are computed once and kept in the cache, as a file or as a folder of files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from safetensors import SafetensorError

from bench.errors import DataError
from bench.system.files import whole_folder, write_atomic
from bench.system.fingerprint import of_value

T = TypeVar("T")

KEY_DIGITS = 20
"""Length of a key in a file's name: 80 bits, with which no two of a billion keys are expected to meet."""

DAMAGE = (OSError, EOFError, LookupError, RuntimeError, SafetensorError, TypeError, ValueError)
"""What reading raises where a file is cut off, changed, or of another form than the one that is written today."""


def key_of(value: object) -> str:
    """A key for the name of a kept file, from everything that determines its content (plain values only)."""
    return of_value(value)[:KEY_DIGITS]


def kept(path: Path | None, make: Callable[[], T], pack: Callable[[T], bytes], read: Callable[[Path], T]) -> T:
    """A value from its file; where there is none yet, it is made and written.

    Args:
        path: of the file, written whole or not at all. None: the value is made and not kept.
        make: computes the value.
        pack: the value as the file's content.
        read: the value from the file; ValueError where the content is not what it should be.

    Raises:
        DataError: the file is damaged.
    """
    if path is not None and path.exists():
        return _read(path, read)
    value = make()
    if path is not None:
        write_atomic(path, pack(value))
    return value


def kept_folder(folder: Path, fill: Callable[[Path], None], read: Callable[[Path], T]) -> T:
    """A value from its folder of files, for what is too large for memory.

    Args:
        folder: appears whole or not at all.
        fill: writes the files into an empty folder, where there is none yet.
        read: the value from the folder; ValueError where a file is not what it should be.

    Raises:
        DataError: the folder is damaged.
    """
    if not folder.exists():
        with whole_folder(folder) as scratch:
            fill(scratch)
    return _read(folder, read)


def _read(path: Path, read: Callable[[Path], T]) -> T:
    try:
        return read(path)
    except DAMAGE as error:
        raise DataError(f"{path} is damaged ({error}); delete it and it is made anew") from error
