"""Named vectors in one file that is the same for the same numbers, and can be read from anybody."""

from __future__ import annotations

import io
import os
import struct
import zipfile
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    import numpy as np

MAX_VECTORS_BYTES = 2**28
END = struct.Struct("<4s4H2LH")
"""How a zip file without a comment ends: mark, numbers of parts and entries, size and place of the index, comment."""


def pack_vectors(vectors: Mapping[str, np.ndarray]) -> bytes:
    """Arrays [n] as a compressed .npz without clock times: the same numbers give the same bytes.

    Whole numbers are stored as int32, all others as float32.
    """
    import numpy as np

    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in sorted(vectors):
            vector = np.asarray(vectors[name])
            kind = np.int32 if np.issubdtype(vector.dtype, np.integer) else np.float32
            entry = io.BytesIO()
            np.lib.format.write_array(entry, vector.astype(kind), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), entry.getvalue(), zipfile.ZIP_DEFLATED)
    return packed.getvalue()


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
        ValueError: anything else than float32 and int32 vectors, or more than a quarter of a gigabyte of them.
    """
    import numpy as np

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MAX_VECTORS_BYTES:
                raise ValueError("too large")
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            vectors = {name: arrays[name] for name in arrays.files}
    except (OSError, EOFError, MemoryError, KeyError, SyntaxError, zlib.error, zipfile.BadZipFile) as error:
        raise ValueError(f"not an .npz file: {error}") from error
    for name, vector in vectors.items():
        if not isinstance(vector, np.ndarray) or vector.ndim != 1 or vector.dtype not in (np.float32, np.int32):
            raise ValueError(f"{name} is not a float32 or int32 vector")
    return vectors
