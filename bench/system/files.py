"""Files: written whole or not at all, swept where a dead run left them, and their sha256."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.errors import BenchError
from bench.system.claims import is_at, lock_if_free, locked

ROOT = Path(__file__).resolve().parents[2]
"""The project's folder."""

YOUNG = 2.0
"""Seconds for which a sweep leaves scratch alone: its maker may not have come to locking it."""
OF_A_WRITE = (None, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS)
"""Numbers of errors that name no file and are met while writing; numpy gives none."""


class DiskError(BenchError, OSError):
    """The file system refuses; one line with the path and the reason."""


def write_atomic(path: Path, data: bytes) -> None:
    """Write a file so that a reader, or a run killed at any moment, never sees half of it.

    Raises:
        DiskError: the file system refuses; nothing is left behind.
    """
    with _writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with _scratch(path, lambda scratch: os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)) as (own, fd):
            with open(fd, "wb", closefd=False) as file:
                file.write(data)
            os.fsync(fd)
            own.replace(path)
        _sync(path.parent)


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

    All of it is on the disk before it gets its name. If another process has made the folder meanwhile, that one stays
    and this one disappears.

    Raises:
        DiskError: the file system refuses to write.
    """
    with contextlib.ExitStack() as stack:
        with _writing(folder):
            folder.parent.mkdir(parents=True, exist_ok=True)
            scratch, _ = stack.enter_context(_scratch(folder, _make_folder))
        try:
            yield scratch
        except OSError as error:
            if not _is_of(error, scratch):
                raise
            raise DiskError(f"{folder} cannot be written: {_reason(error)}") from error
        with _writing(folder):
            for place, _, names in os.walk(scratch, topdown=False):
                for name in names:
                    _sync(Path(place, name))
                _sync(Path(place))
            try:
                scratch.rename(folder)
            except OSError:
                if not folder.is_dir():
                    raise
            _sync(folder.parent)


def remove(path: Path) -> None:
    """Remove a file, a link or a folder with all that is in it, if it is there: first its name, then the rest.

    Raises:
        DiskError: the file system refuses.
    """
    grave = path.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        path.rename(grave)
    except FileNotFoundError:
        return
    except OSError as error:
        raise DiskError(f"{path} cannot be removed: {_reason(error)}") from error
    _clear(grave)


def sweep(root: Path) -> int:
    """Delete the scratch that dead runs left anywhere below `root`, and never that of a living one; returns how many.

    Scratch is what is named `.*.tmp`. Its maker holds a lock on it, so what is locked stays, and so does everything
    where the file system offers no locks or cannot be written.
    """
    if not root.is_dir():
        return 0
    try:
        with _scratch(root / "any", _make_folder) as (_, fd):
            now = os.fstat(fd).st_mtime  # of the file system's own clock
    except OSError:
        return 0
    return sum(_clear_if_dead(path, now) for path in _scratch_below(root))


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    """What the file system refuses in this block becomes one line about `path`."""
    try:
        yield
    except DiskError:
        raise
    except OSError as error:
        raise DiskError(f"{path} cannot be written: {_reason(error)}") from error


def _reason(error: OSError) -> str:
    return error.strerror or str(error)


def _is_of(error: OSError, scratch: Path) -> bool:
    """Whether an error is about writing into `scratch`, and not about another file that the writer reads."""
    if isinstance(error, DiskError):
        return False
    if error.filename is None:
        return error.errno in OF_A_WRITE
    return Path(str(error.filename)).is_relative_to(scratch)


@contextlib.contextmanager
def _scratch(path: Path, make: Callable[[Path], int]) -> Iterator[tuple[Path, int]]:
    """Something new in the folder of `path`, locked and open; removed at the end where it still has its scratch name.

    make: makes and opens it.
    """
    while True:
        scratch = path.with_name(f".{uuid.uuid4().hex}.tmp")
        fd = make(scratch)
        with locked(fd):
            if not is_at(fd, scratch):  # so slow that a sweep came between making and locking it
                continue
            try:
                yield scratch, fd
            finally:
                _clear(scratch)
            return


def _make_folder(path: Path) -> int:
    while True:
        path.mkdir()
        with contextlib.suppress(FileNotFoundError):  # swept, as in `_scratch`
            return os.open(path, os.O_RDONLY | os.O_DIRECTORY)


def _clear(path: Path) -> bool:
    """Delete a file, link or folder; whether it is gone."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
    return not os.path.lexists(path)


def _sync(path: Path) -> None:
    """Wait until a file or folder is on the disk; some file systems do not do it for folders."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EBADF, errno.ENOTSUP):
            raise
    finally:
        os.close(fd)


def _scratch_below(root: Path) -> Iterator[Path]:
    """All scratch below a folder; not what is in it, and nothing behind links."""
    folders = [str(root)]
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    if entry.name.startswith(".") and entry.name.endswith(".tmp"):
                        yield Path(entry.path)
                    elif entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
        except OSError:  # gone meanwhile, or another user's
            continue


def _clear_if_dead(path: Path, now: float) -> bool:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        young = abs(now - os.fstat(fd).st_mtime) < YOUNG
        return not young and lock_if_free(fd) and _clear(path)
    finally:
        os.close(fd)
