"""Named vectors in one file that is the same for the same numbers, and can be read from anybody."""

from __future__ import annotations

import functools
import io
import math
import struct
import zipfile
import zlib
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from bench.system import zip_entries

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
SUFFIX = ".npy"
"""After the names of vectors in a file."""
SMALL = 2**11
"""Bytes that a vector takes in a file, so that it is decoded once for all files which have the same: ids of images."""
MOST_SHARED = 2**18
"""Bytes that such a vector takes in memory at most."""
HEAD = struct.Struct("<8sH")
"""How a .npy file of version 1.0 begins: mark and version, length of what says type and shape."""


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
            archive.writestr(zipfile.ZipInfo(f"{name}{SUFFIX}"), smallest, zipfile.ZIP_DEFLATED, LEVEL)
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

    bytes_of = np.empty((planes.shape[1], WIDTH), planes.dtype)
    for place in range(WIDTH):  # one by one: to copy `planes.T` takes four times as long
        bytes_of[:, place] = planes[place]
    numbers = bytes_of.reshape(-1)
    if planes.dtype == np.uint8:
        return numbers.view("<f4").astype(np.float32, copy=False)
    return np.cumsum(numbers.view("<u4"), dtype=np.uint32).view(np.int32)


def _npy(array: np.ndarray) -> bytes:
    import numpy as np

    entry = io.BytesIO()
    np.lib.format.write_array(entry, array, allow_pickle=False)
    return entry.getvalue()


def unpack_vectors(data: bytes, names: Collection[str] | None = None) -> dict[str, np.ndarray]:
    """The arrays of `pack_vectors`, which cannot be written to: files that hold the same ids give the same array.

    names: those that are wanted, where they are there; None for all. The others are not looked into.

    Raises:
        ValueError: anything else than that, or more than a quarter of a gigabyte of it.
    """
    try:
        found, size = zip_entries.entries(data, None if names is None else [f"{name}{SUFFIX}" for name in names])
        if size > MAX_VECTORS_BYTES:
            raise ValueError("too large")
        return {(name := entry.name.removesuffix(SUFFIX)): _vector(name, data, entry) for entry in found}
    except (MemoryError, SyntaxError, struct.error) as error:
        raise ValueError(f"not an .npz file: {error}") from error


def _vector(name: str, data: bytes, entry: zip_entries.Entry) -> np.ndarray:
    """The vector of an entry.

    Raises:
        ValueError: it is none.
    """
    content = zip_entries.packed_content(data, entry)
    small = len(content) <= SMALL and entry.size <= MOST_SHARED
    decode = _shared if small else _decoded
    vector = decode(content, entry.method, entry.size, entry.checksum)
    if vector is None:
        raise ValueError(f"{name} is not a float32 or int32 vector")
    return vector


def _decoded(content: bytes, method: int, size: int, checksum: int) -> np.ndarray | None:
    """The vector of an entry's packed content; None where it is another array.

    Raises:
        ValueError: it is no array.
    """
    import numpy as np

    array = _array(zip_entries.unpacked(content, method, size, checksum))
    if array.ndim == 2 and len(array) == WIDTH and array.dtype in (np.uint8, np.int8):
        array = _from_planes(array)
    elif array.ndim != 1 or array.dtype not in (np.float32, np.int32):
        return None
    array.flags.writeable = False
    return array


_shared = functools.lru_cache(maxsize=256)(_decoded)


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
    return np.frombuffer(content, dtype, offset=start).reshape(shape, order="F" if fortran else "C")


@functools.lru_cache(maxsize=1024)
def _head(head: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether the first index counts fastest, and type; a folder of records has few different heads."""
    import numpy as np

    file = io.BytesIO(head)
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError("not version 1.0 of the .npy format")
    return np.lib.format.read_array_header_1_0(file)
