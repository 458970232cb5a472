"""Named vectors in one file that is the same for the same numbers, and can be read from anybody."""

from __future__ import annotations

import functools
import io
import math
import os
import struct
import zipfile
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    import numpy as np

MAX_VECTORS_BYTES = 2**28
LEAST_BITS = 13
"""Binary places of a score that are kept at least: it moves by 6e-5 of itself at most."""
MEAN_TOLERANCE = 5e-7
"""Relative: so many places are kept that the mean of a vector moves by no more."""
WIDTH = 4
"""Bytes of a number."""
PLACES = 23
"""Binary places of a float32."""
LEVEL = 9
"""Of compression: a record is written once."""
HEAD = struct.Struct("<8sH")
"""How a .npy file of version 1.0 begins: mark and version, length of what says type and shape."""
END = struct.Struct("<4s4H2LH")
"""How a zip file without a comment ends: mark, numbers of parts and entries, size and place of the index, comment."""


def pack_vectors(vectors: Mapping[str, np.ndarray]) -> bytes:
    """Arrays [n] as a compressed .npz without clock times: the same numbers give the same bytes.

    Whole numbers come back as int32, exactly. All others come back as float32, rounded as far as their mean bears it
    (`MEAN_TOLERANCE`): the last places of a score are noise, and noise is all that does not compress.

    In the file, a vector is uint8 [4, n], the first bytes of all numbers, then the second, and so on, which are alike
    among themselves; int8 [4, n] is the same of whole numbers' differences, since ids mostly count up. Where it is
    smaller the vector is there as it is, float32 or int32 [n].
    """
    import numpy as np

    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in sorted(vectors):
            vector = np.asarray(vectors[name])
            whole = np.issubdtype(vector.dtype, np.integer)
            plain = vector.astype(np.int32) if whole else rounded(vector.astype(np.float32))
            forms = [_npy(form) for form in (plain, _planes(plain))]
            smallest = min(forms, key=lambda form: len(zlib.compress(form, LEVEL)))
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), smallest, zipfile.ZIP_DEFLATED, LEVEL)
    return packed.getvalue()


def rounded(vector: np.ndarray) -> np.ndarray:
    """Float32 [n] with as few binary places as leave the mean where it is; equal numbers stay equal, order stays order.

    Numbers that are not finite stay as they are, and all others with them.
    """
    import numpy as np

    if not np.isfinite(vector).all():
        return vector
    mean = vector.mean(dtype=np.float64) if len(vector) else 0.0
    for dropped in range(PLACES - LEAST_BITS, 0, -1):
        half, kept = np.uint32(1 << (dropped - 1)), ~np.uint32((1 << dropped) - 1)
        shorter = ((vector.view(np.uint32) + half) & kept).view(np.float32)
        if np.isfinite(shorter).all() and abs(shorter.mean(dtype=np.float64) - mean) <= MEAN_TOLERANCE * abs(mean):
            return shorter
    return vector


def _planes(vector: np.ndarray) -> np.ndarray:
    """Float32 [n] to uint8 [4, n], int32 [n] to int8 [4, n]; see `pack_vectors`."""
    import numpy as np

    if vector.dtype == np.float32:
        return np.ascontiguousarray(vector.astype("<f4").view(np.uint8).reshape(-1, WIDTH).T)
    steps = np.diff(vector.view(np.uint32), prepend=np.uint32(0))  # unsigned, so that they wrap around
    return np.ascontiguousarray(steps.astype("<u4").view(np.int8).reshape(-1, WIDTH).T)


def _from_planes(planes: np.ndarray) -> np.ndarray:
    """The reverse of `_planes`."""
    import numpy as np

    numbers = np.ascontiguousarray(planes.T).reshape(-1)
    if planes.dtype == np.uint8:
        return numbers.view("<f4").astype(np.float32)
    return np.cumsum(numbers.view("<u4"), dtype=np.uint32).view(np.int32)


def _npy(array: np.ndarray) -> bytes:
    import numpy as np

    entry = io.BytesIO()
    np.lib.format.write_array(entry, array, allow_pickle=False)
    return entry.getvalue()


def check_end(file: BinaryIO) -> None:
    """Hold an open file to ending as `pack_vectors` ends one: the quickest way to find that it is cut off.

    Raises:
        ValueError: it does not.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - END.size))
    last = file.read(END.size)
    if len(last) == END.size:
        mark, *_, index, start, comment = END.unpack(last)
        if mark == b"PK\5\6" and start + index + END.size == size and comment == 0:
            return
    raise ValueError("cut off, or no .npz file")


def unpack_vectors(data: bytes) -> dict[str, np.ndarray]:
    """The arrays of `pack_vectors`.

    Raises:
        ValueError: anything else than that, or more than a quarter of a gigabyte of it.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            if sum(entry.file_size for entry in entries) > MAX_VECTORS_BYTES:
                raise ValueError("too large")
            arrays = {entry.filename.removesuffix(".npy"): _array(archive.read(entry)) for entry in entries}
    except (OSError, EOFError, MemoryError, KeyError, SyntaxError, zlib.error, zipfile.BadZipFile) as error:
        raise ValueError(f"not an .npz file: {error}") from error
    return {name: _vector(name, array) for name, array in arrays.items()}


def _array(content: bytes) -> np.ndarray:
    """The array of a .npy file's content, as `numpy.lib.format.read_array` reads it, but each kind of head once.

    Raises:
        ValueError: it is none.
    """
    import numpy as np

    start = HEAD.size + HEAD.unpack_from(content)[1] if len(content) > HEAD.size else 0
    shape, fortran, dtype = _head(content[:start])
    if dtype.hasobject or len(content) - start != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"{dtype} {shape} in {len(content) - start} bytes")
    return np.frombuffer(content, dtype, offset=start).reshape(shape, order="F" if fortran else "C").copy()


@functools.lru_cache(maxsize=1024)
def _head(head: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether the first index counts fastest, and type; a folder of records has few different heads."""
    import numpy as np

    file = io.BytesIO(head)
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError("not version 1.0 of the .npy format")
    return np.lib.format.read_array_header_1_0(file)


def _vector(name: str, array: np.ndarray) -> np.ndarray:
    import numpy as np

    if array.ndim == 1 and array.dtype in (np.float32, np.int32):
        return array
    if array.ndim == 2 and len(array) == WIDTH and array.dtype in (np.uint8, np.int8):
        return _from_planes(array)
    raise ValueError(f"{name} is not a float32 or int32 vector")
