"""Progress of long work: into a file where a worker process is told to, else a bar on a terminal or lines in a log."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tqdm import tqdm

Progress = Callable[[int, int, str], None]
"""Called with (done, total, what): shows how far a piece of work is. After a comma, `what` may say how it goes."""

LINE_EVERY = 20.0
"""Seconds between two lines in a log."""
FILE_EVERY = 0.5
"""Seconds between two writes of a worker's file."""

_file: Path | None = None


def report_into(file: Path | None) -> None:
    """Let all reporters of this process write into a file, which another process shows; None: they show it."""
    global _file
    _file = file


def file() -> Path | None:
    """Where all reporters of this process write, for a process that reports in its stead."""
    return _file


def read_report(file: Path) -> tuple[int, int, str] | None:
    """What was last written into a worker's file, (done, total, what); None where there is nothing to read."""
    try:
        done, total, what = json.loads(file.read_text(encoding="utf-8"))
        return int(done), int(total), str(what)
    except (OSError, ValueError, TypeError):  # not there yet, or being written at this moment
        return None


def reporter(label: str) -> Progress:
    """A progress function for one tokenizer or task."""
    if _file is not None:
        return _InFile(_file)
    return _Bar(label) if sys.stderr.isatty() else _Lines(label)


class _InFile:
    """The latest state in a small file."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.last = 0.0

    def __call__(self, done: int, total: int, what: str) -> None:
        now = time.monotonic()
        if now - self.last < FILE_EVERY and done < total:
            return
        self.last = now
        with contextlib.suppress(OSError):  # a full disk is met, and told, where results are written
            self.file.write_text(json.dumps([done, total, what]), encoding="utf-8")


class _Bar:
    """A bar on a terminal, a new one for each kind of work."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.kind = ""
        self.bar: tqdm | None = None

    def __call__(self, done: int, total: int, what: str) -> None:
        kind = what.partition(",")[0]
        if self.bar is None or kind != self.kind:
            self._close()
            self.kind = kind
            self.bar = tqdm(total=total, desc=f"{self.label}: {what}", leave=False)
        self.bar.set_description(f"{self.label}: {what}", refresh=False)
        self.bar.update(done - self.bar.n)
        if done == total:
            self._close()

    def _close(self) -> None:
        if self.bar is not None:
            self.bar.close()
        self.bar = None


class _Lines:
    """A line in a log, at most one in `LINE_EVERY` seconds."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.last = time.monotonic()

    def __call__(self, done: int, total: int, what: str) -> None:
        now = time.monotonic()
        if now - self.last >= LINE_EVERY:
            self.last = now
            with contextlib.suppress(OSError, ValueError):  # nobody reads it any more
                print(f"{self.label}: {what} {done}/{total}", file=sys.stderr, flush=True)
