"""Files: written whole or not at all, their sha256, and named vectors in one file."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import shutil
import uuid
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

ROOT = Path(__file__).resolve().parents[2]
"""The project's folder."""

MAX_VECTORS_BYTES = 2**28


def write_atomic(path: Path, data: bytes) -> None:
    """Write a file so that a reader, or a run killed at any moment, never sees half of it.

    Raises:
        OSError: as the system reports it; nothing is left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        with scratch.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


def sha256_of(path: Path) -> str:
    """sha256 of a file's content, 64 hexadecimal digits; read piece by piece, so the file may be large.

    Raises:
        OSError: as the system reports it.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A scratch folder to fill. It gets the name `folder` when the block ends well, and is deleted otherwise.

    If another process has made the folder meanwhile, that one stays and this one disappears.

    Raises:
        OSError: as the system reports it.
    """
    scratch = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}.tmp")
    scratch.mkdir(parents=True)
    try:
        yield scratch
        try:
            scratch.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


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
