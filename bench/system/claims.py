"""Claims: what one process is at, no other is. The kernel ends a claim when its owner dies, in whatever way.

A claim is a `flock` on a file beside what is claimed. It knows nothing of process ids, so it holds between containers
that share a folder. The file is removed with the claim; whoever gets the lock of a file that is no longer there tries
again with the one that is.
"""

from __future__ import annotations

import fcntl
import os
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bench.errors import BenchError, UsageError

_held: dict[tuple[int, str], int] = {}
"""(thread, path) to the open lock file of each claim of this process."""
_locked: set[int] = set()
"""Open files and folders that are locked by `locked`."""


class Busy(BenchError):
    """A living process or another thread holds the claim."""


@contextmanager
def claim(path: Path, wait: bool = True) -> Iterator[None]:
    """Nobody else is in a block that claims this path. A thread may claim again what it holds.

    Args:
        path: of anything, there or not; its folder is made where it is missing.
        wait: until the claim is free.

    Raises:
        Busy: it is not free, and `wait` is False.
        BenchError: the folder cannot be written, or its file system offers no locks.
    """
    key = threading.get_ident(), os.path.abspath(path)  # noqa: PTH100 - links are no part of the question
    if key in _held:
        yield
        return
    lock = path.with_name(f".{path.name}.claim.tmp")
    _held[key] = _acquire(path, lock, wait)
    try:
        yield
    finally:
        fd = _held.pop(key, None)
        if fd is not None:  # None: this is a fork, and the claim is its parent's
            _release(lock, fd)


@contextmanager
def locked(fd: int) -> Iterator[None]:
    """An open file or folder is locked, where its file system offers locks, and closed at the end."""
    with suppress(OSError):
        fcntl.flock(fd, fcntl.LOCK_EX)
    _locked.add(fd)
    try:
        yield
    finally:
        if fd in _locked:  # not so in a fork
            _locked.discard(fd)
            os.close(fd)


def lock_if_free(fd: int) -> bool:
    """Lock an open file or folder; False where somebody else holds it, or its file system offers no locks."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def check_writable(folder: Path, what: str) -> None:
    """Before a long run: whether files can be written, and claimed, in a folder. what: the word for it in the error.

    Raises:
        UsageError: they cannot.
    """
    try:
        with claim(folder / uuid.uuid4().hex):
            pass
    except BenchError as error:
        raise UsageError(f"{what} folder {folder} is not writable: {error}") from error


def is_at(fd: int, path: Path) -> bool:
    """Whether the open file or folder is the one that lies at `path`."""
    try:
        return os.path.samestat(os.fstat(fd), path.lstat())
    except FileNotFoundError:
        return False


def _acquire(path: Path, lock: Path, wait: bool) -> int:
    while True:
        fd = _open(path, lock)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
            if is_at(fd, lock):
                return fd
        except BlockingIOError as error:
            os.close(fd)
            raise Busy(f"{path} is claimed by another process") from error
        except OSError as error:
            os.close(fd)
            raise BenchError(f"{lock.parent}: this file system offers no locks ({error.strerror})") from error
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)


def _open(path: Path, lock: Path) -> int:
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        try:
            return os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        except PermissionError:  # another user's file: to read is enough for a lock on most file systems
            return os.open(lock, os.O_RDONLY)
    except OSError as error:
        raise BenchError(f"{path} cannot be claimed: {error.filename}: {error.strerror}") from error


def _release(lock: Path, fd: int) -> None:
    try:
        if is_at(fd, lock):
            lock.unlink()
    except OSError:  # another user's file: it stays, and is used again
        pass
    finally:
        fcntl.flock(fd, fcntl.LOCK_UN)  # closing does not unlock while a child that is being started holds a copy
        os.close(fd)


def _forget() -> None:
    """In a fork: the claims are the parent's, and end with it."""
    for fd in (*_held.values(), *_locked):
        os.close(fd)
    _held.clear()
    _locked.clear()


os.register_at_fork(after_in_child=_forget)
