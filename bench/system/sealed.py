"""Sealed folders: the sha256 of every file lies beside them, so that no damage is read unnoticed."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from bench.system.files import sha256_of

SUMS = "SHA256SUMS"
"""The seal, as `sha256sum --check` reads it."""

State = dict[str, tuple[int, int, int, int, int]]
"""Name of a file below a folder to what changes with its content: device, number, size and two times."""

_sound: dict[str, State] = {}
"""Folders that were found as their seals say, and the state of their files before they were read."""


def seal(folder: Path) -> None:
    """Write the sums of all files into the folder.

    Raises:
        OSError: as the system reports it.
    """
    sums = {name: sha256_of(folder / name) for name in sorted(_state(folder))}
    (folder / SUMS).write_text(_text(sums), encoding="utf-8")


def check(folder: Path) -> None:
    """Hold all files to the folder's seal; those that did not change since this process did so are not read again.

    Raises:
        ValueError: a file is missing, too many or changed.
        OSError: a file cannot be read.
    """
    state, place = _state(folder), os.path.abspath(folder)  # noqa: PTH100 - the state tells what links lead to
    if _sound.get(place) == state:
        return
    sums = _sums((folder / SUMS).read_text(encoding="utf-8"))
    names = state.keys() - {SUMS}
    if missing := sums.keys() - names:
        raise ValueError(f"{min(missing)} is missing")
    if unknown := names - sums.keys():
        raise ValueError(f"{min(unknown)} does not belong there")
    for name, digest in sums.items():
        if sha256_of(folder / name) != digest:
            raise ValueError(f"{name} is not what was written")
    _sound[place] = state


def _text(sums: dict[str, str]) -> str:
    return "".join(f"{digest}  {name}\n" for name, digest in sums.items())


def _sums(text: str) -> dict[str, str]:
    """The opposite of `_text`."""
    lines = [line.partition("  ") for line in text.splitlines()]
    sums = {name: digest for digest, _, name in lines}
    if _text(sums) != text:
        raise ValueError(f"{SUMS} is not what was written")
    return sums


def _state(folder: Path) -> State:
    found: State = {}
    for place, _, names in os.walk(folder, onerror=_raise):
        for name in names:
            path = Path(place, name)
            status = path.stat()
            if not stat.S_ISREG(status.st_mode):
                raise ValueError(f"{path.relative_to(folder)} is no file")
            found[path.relative_to(folder).as_posix()] = (
                status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
            )  # fmt: skip
    return found


def _raise(error: OSError) -> None:
    raise error
