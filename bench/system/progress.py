"""Progress of long work: a bar on a terminal, a plain line now and then in a log. Both go to standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from tqdm import tqdm

Progress = Callable[[int, int, str], None]
"""Called with (done, total, what): draws a bar on a terminal, prints now and then in a log."""

LINE_EVERY = 20.0
"""Seconds between two lines in a log."""


def reporter(label: str) -> Progress:
    """A progress function for one tokenizer or task."""
    return _Bar(label) if sys.stderr.isatty() else _Lines(label)


class _Bar:
    """A bar on a terminal, a new one for each kind of work (`what`)."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.what = ""
        self.bar: tqdm | None = None

    def __call__(self, done: int, total: int, what: str) -> None:
        if self.bar is None or what != self.what:
            self._close()
            self.what = what
            self.bar = tqdm(total=total, desc=f"{self.label}: {what}", leave=False)
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
            print(f"{self.label}: {what} {done}/{total}", file=sys.stderr, flush=True)
