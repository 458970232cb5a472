"""Memory-mapped arrays that are written on a disk that may be full."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike

PIECE = 2**20


def new_array(path: Path, dtype: DTypeLike, shape: tuple[int, ...]) -> np.memmap:
    """A new .npy file of zeros, memory-mapped for writing. Its space is reserved, since a page that finds no room while
    it is written ends the process without a word.

    Raises:
        OSError: there is no room for it, or the file cannot be made.
    """
    array = np.lib.format.open_memmap(path, "w+", dtype, shape)
    with path.open("r+b") as file:
        size = os.fstat(file.fileno()).st_size
        try:
            if not _reserved(file.fileno(), size):
                file.seek(array.offset)
                for start in range(array.offset, size, PIECE):
                    file.write(bytes(min(PIECE, size - start)))
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(path)) from error
    return array


def _reserved(fd: int, size: int) -> bool:
    """Reserve a file's space; False where the system or the file system cannot."""
    try:
        os.posix_fallocate(fd, 0, size)
    except AttributeError:
        return False
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):
            return False
        raise
    return True
