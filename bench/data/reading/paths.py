"""Files of a data set's folder: names that annotation files give, text, and what to say where something is missing."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import BinaryIO

from bench.errors import DataError, UsageError

MAX_TEXT_BYTES = 2**28
ARCHIVES = (".zip", ".7z", ".rar", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst")
LEFTOVERS = frozenset(
    {"__MACOSX", "Thumbs.db", "desktop.ini", "$RECYCLE.BIN", "System Volume Information", "lost+found", "@eaDir"}
)
"""What macOS, Windows, Linux and network storage leave beside files, apart from names that begin with a dot."""
DEPTH = 3
"""Folders between a data set's folder and what is looked for in it."""


def safe_name(name: object) -> str:
    """A file name out of an annotation file, if it can only lie below the folder it is looked up in.

    Raises:
        DataError: it is no text, is absolute, or has a part "..".
    """
    if not isinstance(name, str) or not name.strip() or "\0" in name or len(name) > 1_000:
        raise DataError(f"{name!r:.80} is no file name")
    path, windows = PurePosixPath(name), PureWindowsPath(name)
    if path.is_absolute() or windows.drive or windows.root or ".." in (*path.parts, *windows.parts):
        raise DataError(f"refused: {name!r:.80} points outside the data set's folder")
    return name


def inside(folder: Path, name: str) -> Path:
    """The path of a file below `folder`. The folder itself may be a link; links below it may not lead out of it.

    Raises:
        DataError: it would lie outside.
    """
    path = folder / safe_name(name)
    links = [path, *list(path.parents)[: len(PurePosixPath(name).parts) - 1]]
    if any(part.is_symlink() for part in links) and not path.resolve().is_relative_to(folder.resolve()):
        raise DataError(f"refused: {name!r:.80} is a link that leads outside {folder.name}")
    return path


def find_root(name: str, root: Path | None, get: str) -> Path:
    """The data set's folder.

    Raises:
        UsageError: it is not given.
        DataError: it is missing or not a folder; the text says how to get it.
    """
    if root is None:
        raise UsageError(f"{name} is read from a folder: --data-root DIR, with the data in DIR/{name}. {get}")
    with reading(root):
        if root.is_file():
            raise DataError(f"{root} is a file; unpack it, and give the folder that holds what was in it")
        if not root.is_dir():
            raise DataError(f"{root} does not exist. {get}")
    return root


def find(root: Path, *names: str) -> Path:
    """The first of these files or folders below `root` that exists: there, or deeper, in whatever case.

    Archives unpack into folders of their own, so what is not at its place is looked for `DEPTH` folders down; the least
    deep one is taken.

    Raises:
        DataError: none exists (an archive beside it is named as what to unpack), or several are equally deep.
    """
    found = find_optional(root, *names)
    if found:
        return found
    for name in names:
        for ending in ARCHIVES:
            packed = root / f"{name.removesuffix('/')}{ending}"
            if packed.is_file():
                raise DataError(f"{packed} is packed: unpack it in {packed.parent}")
    packed_files = sorted(path.name for path in root.iterdir() if path.name.endswith(ARCHIVES))
    hint = f"; unpack {', '.join(packed_files[:5])} there" if packed_files else ""
    raise DataError(f"{' or '.join(str(root / name) for name in names)} is missing{hint}")


def find_innermost(root: Path, *names: str) -> Path:
    """As `find`, a folder; of one that holds nothing but a folder of the same name, which unpacking makes, that one."""
    folder = find(root, *names)
    while (folder / folder.name).is_dir() and len(entries_of(folder)) == 1:
        folder = folder / folder.name
    return folder


def find_optional(root: Path, *names: str) -> Path | None:
    """As `find`; None where there is none. Raises `DataError` where several are equally deep."""
    for name in names:
        if (root / name).exists():
            return root / name
    level = [root]
    for _ in range(DEPTH + 1):
        inside_level = {folder: entries_of(folder) for folder in level}
        for name in names:
            parts = PurePosixPath(name).parts
            paths = [path for entries in inside_level.values() for path in _below(entries, parts)]
            if len(paths) > 1:
                raise DataError(f"{paths[0]} and {paths[1]} may both be meant: keep one, or name the folder of one")
            if paths:
                return paths[0]
        level = [Path(entry.path) for entries in inside_level.values() for entry in entries if entry.is_dir()]
    return None


def _below(entries: list[os.DirEntry[str]], parts: tuple[str, ...]) -> list[Path]:
    """The paths of these parts in a folder that holds these entries, in whatever case."""
    here = [entry for entry in entries if entry.name.casefold() == parts[0].casefold()]
    if len(parts) == 1:
        return [Path(entry.path) for entry in here]
    return [path for entry in here if entry.is_dir() for path in _below(entries_of(entry.path), parts[1:])]


def is_leftover(name: str) -> bool:
    """Whether a file or folder of this name is no data: what a file manager, Jupyter or git leaves behind."""
    return name.startswith(".") or name in LEFTOVERS


def entries_of(folder: str | Path) -> list[os.DirEntry[str]]:
    """What lies in a folder, by name, leftovers aside; nothing where it is no folder or may not be read."""
    try:
        with os.scandir(folder) as entries:
            return sorted((entry for entry in entries if not is_leftover(entry.name)), key=lambda entry: entry.name)
    except (PermissionError, NotADirectoryError, FileNotFoundError):
        return []


def open_file(path: Path) -> BinaryIO:
    """Open a file for reading; a pipe or a device, which may never end, is refused and not waited for.

    Raises:
        OSError: it cannot be opened, or is no regular file.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "no regular file", str(path))
    return os.fdopen(handle, "rb")


def read_text(path: Path) -> str:
    """A text file in UTF-8.

    Raises:
        DataError: missing, too large, no regular file, or not UTF-8.
    """
    try:
        with open_file(path) as file:
            if os.fstat(file.fileno()).st_size > MAX_TEXT_BYTES:
                raise DataError(f"{path} is too large for a text file")
            return file.read().decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text (byte {error.start}): save it as UTF-8") from error
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing") from error
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error


def clean(text: object) -> str:
    """A caption, question or answer as one line; empty where it is no text. Replacement characters become spaces."""
    if not isinstance(text, str):
        return ""
    text = text.replace("�", " ").replace("\0", " ")
    return " ".join(text.encode("utf-8", "replace").decode("utf-8").split())


def printable(text: str) -> str:
    """A file's name as text that can be written anywhere: bytes that are not UTF-8 become escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


@contextlib.contextmanager
def reading(folder: Path) -> Iterator[None]:
    """What the system refuses below `folder` is a `DataError`."""
    try:
        yield
    except OSError as error:
        raise DataError(f"{error.filename or folder} cannot be read: {error.strerror}") from error


def captions_in(path: Path) -> tuple[str, ...]:
    """The captions of a text file, one a line, without empty ones.

    Raises:
        DataError: see `read_text`.
    """
    return tuple(line for line in map(clean, read_text(path).split("\n")) if line)
