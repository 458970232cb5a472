"""What a data set's files hold, as a hash. A file is read again only where its size or time has changed."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.data.reading.paths import printable
from bench.data.reading.walk import walk
from bench.errors import DataError
from bench.system import fingerprint
from bench.system.files import sha256_of, write_atomic
from bench.system.progress import Progress

CHUNK = 1_024
"""Files hashed between two reports of progress."""


def of_files(root: Path, sources: Sequence[Path], cache: Path | None, progress: Progress) -> str:
    """sha256 over the names and contents of these files and of all files in these folders.

    Args:
        cache: a folder where sizes, times and hashes are kept for the next call; None keeps nothing.

    Raises:
        DataError: a file cannot be read.
        DiskError: the cache cannot be written.
    """
    memory = cache / "data" / f"digests-{fingerprint.of_value(str(root.resolve()))[:16]}.json" if cache else None
    known = _recall(memory)
    files = sorted(_walk(root, sources))
    entries: dict[str, list[object]] = {}
    with ThreadPoolExecutor() as pool:  # hashing and reading leave the interpreter to others
        for start in range(0, len(files), CHUNK):
            chunk = files[start : start + CHUNK]
            entries.update(pool.map(lambda file: _entry(file, known), chunk))
            progress(start + len(chunk), len(files), "hash files")
    if memory is not None and entries != known:
        content = json.dumps(entries).encode()
        write_atomic(memory, b"%s\n%s" % (_sum_of(content), content))
    return fingerprint.of_value([[name, entry[2]] for name, entry in entries.items()])


def _walk(root: Path, sources: Sequence[Path]) -> Iterator[tuple[str, str]]:
    """(name below the root, path) of each file, those behind links included."""
    for source in sources:
        base = root if source.is_relative_to(root) else source.parent
        if not source.is_dir():
            yield _name(base, str(source)), str(source)
            continue
        above = "" if source == base else f"{_name(base, str(source))}/"
        for file in walk(source):
            yield printable(f"{above}{file.name}"), f"{source}/{file.name}"


def _name(base: Path, path: str) -> str:
    """Relative and with forward slashes, so that the same files have the same hash wherever they lie."""
    return printable(Path(os.path.relpath(path, base)).as_posix())


def _entry(file: tuple[str, str], known: dict[str, list[object]]) -> tuple[str, list[object]]:
    """The file's name, with its size, its time in nanoseconds and the sha256 of its content."""
    name, path = file
    try:
        state = os.stat(path)  # noqa: PTH116 - a hundred thousand times
        if not stat.S_ISREG(state.st_mode):  # a pipe or a device may never end; its example will be found broken
            return name, [0, 0, "no regular file"]
        old = known.get(name)
        if old is not None and old[:2] == [state.st_size, state.st_mtime_ns]:
            return name, old
        return name, [state.st_size, state.st_mtime_ns, sha256_of(Path(path))]
    except FileNotFoundError:  # a link that leads nowhere: its example will be found missing
        return name, [0, 0, "missing"]
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error


def _recall(memory: Path | None) -> dict[str, list[object]]:
    """What the last call kept; nothing where that is damaged."""
    try:
        known, _, content = memory.read_bytes().partition(b"\n") if memory else (b"", b"", b"")
    except OSError:
        return {}
    if known != _sum_of(content):
        return {}
    entries: dict[str, list[object]] = json.loads(content)
    return entries


def _sum_of(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()
