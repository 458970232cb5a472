"""Named vectors in one file that is the same for the same numbers, and can be read from anybody."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

MAX_VECTORS_BYTES = 2**28


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
