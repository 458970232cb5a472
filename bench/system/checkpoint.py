"""Checkpoints: the state of a training on the disk, so that one that was killed goes on from there.

A checkpoint is one file of plain values and tensors, written by `torch.save`, whose name holds its number and its
sha256. What is read is held to that sum, and no code in it is run.
"""

from __future__ import annotations

import contextlib
import io
import sys
import time
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from bench.system.files import DiskError, remove, sha256_of, write_atomic
from bench.system.kept import OF_DAMAGE

State = dict[str, Any]
"""Plain values, tensors, and lists, tuples and dictionaries of them."""


class Checkpoint:
    """Where the states of one training are kept.

    The folder must be of this training alone: whoever names it puts a hash of the code, the data and all settings that
    determine the training into the name, and lets no two processes at it at once. So nothing of that is looked at here.
    """

    def __init__(self, folder: Path, minutes: float) -> None:
        """folder: made when something is saved. minutes: between two saves; 0 for one after every step."""
        self.folder, self.minutes = folder, minutes
        self._since = time.monotonic()

    def named(self, name: str) -> Checkpoint:
        """Another one, in a folder of this one: for one of several networks.

        Raises:
            ValueError: this is no name of a folder.
        """
        if Path(name).name != name or name in ("", ".."):
            raise ValueError(f"{name!r} is no name of a folder")
        return Checkpoint(self.folder / name, self.minutes)

    def load(self) -> State | None:
        """The newest state, its tensors on the CPU; None where there is none.

        One that is damaged or is not a state is dropped with a line on standard error, and the one before it is taken.

        Raises:
            OSError, RuntimeError: the machine fails to read, say for lack of memory; what is there stays.
        """
        self._since = time.monotonic()
        for path in reversed(self._files()):
            try:
                if sha256_of(path) != path.stem.partition("-")[2]:
                    raise ValueError("it is not what was written")
                state: State = torch.load(path, map_location="cpu", weights_only=True)
                return state
            except (OSError, EOFError, LookupError, RuntimeError, TypeError, ValueError, UnpicklingError) as error:
                if is_of_the_machine(error):
                    raise
                self._drop(path, error)
        return None

    def due(self) -> bool:
        """Whether it is time to save: so many minutes since the last save, or else since the start."""
        return time.monotonic() - self._since >= 60 * self.minutes

    def save(self, state: State) -> None:
        """Keep a state instead of earlier ones, which go once it is on the disk.

        Where the file system refuses, one line on standard error says so and what was kept before stays.
        """
        files = self._files()
        number = 1 + max((int(path.stem.partition("-")[0]) for path in files), default=0)
        buffer = io.BytesIO()
        torch.save(state, buffer)
        data = buffer.getvalue()
        try:
            write_atomic(self.folder / f"{number:06d}-{sha256(data).hexdigest()}.pt", data)
        except DiskError as error:
            _say(f"no checkpoint was kept, the training goes on: {error}")
        else:
            _unlink(files)
        self._since = time.monotonic()

    def clear(self) -> None:
        """Remove the folder with all that is in it, named ones too; for when what was trained is kept."""
        try:
            remove(self.folder)
        except DiskError as error:
            _say(str(error))

    def drop(self, reason: Exception) -> None:
        """Remove the states, since the training cannot go on from them; a line on standard error says why."""
        for path in self._files():
            self._drop(path, reason)

    def _drop(self, path: Path, reason: Exception) -> None:
        _say(f"{path} is dropped: {' '.join(str(reason).split()) or type(reason).__name__}")
        _unlink([path])

    def _files(self) -> list[Path]:
        """From the oldest to the newest."""
        return sorted(self.folder.glob("[0-9]*-*.pt"))


def is_of_the_machine(error: Exception) -> bool:
    """Whether an error says nothing of what is kept: days of training are not thrown away for lack of memory."""
    if isinstance(error, OSError):
        return error.errno not in OF_DAMAGE
    return isinstance(error, torch.OutOfMemoryError | torch.AcceleratorError) or "allocate memory" in str(error)


def _unlink(files: Iterable[Path]) -> None:
    for path in files:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def _say(line: str) -> None:
    with contextlib.suppress(OSError):  # nobody may be listening any more
        print(line, file=sys.stderr, flush=True)
