"""Ends what a killed run leaves: Ray's agents go on for a minute, trying to reach a server that is gone.

A small process waits for the end of the run. Where the run ended without a word, it kills all processes that carry the
run's mark in their environment, which everything that Ray starts inherits, and those that it has seen below the run:
Ray's agents give themselves a title, which is written over their environment. Linux only; elsewhere they go by
themselves.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

MARK = "CODEBOOK_BENCH_RUN"
PATIENCE = 15.0
"""Seconds for jobs to leave checkpoints."""
LOOK_EVERY = 1.0
"""Seconds between two looks at what is below the run."""

Process = tuple[int, str]
"""Its number, and when it was started: numbers are given again."""


@contextlib.contextmanager
def guarded() -> Iterator[None]:
    """In the block, what this process starts does not outlive it, whoever kills it."""
    mark = os.environ[MARK] = uuid.uuid4().hex
    guard = subprocess.Popen(
        [sys.executable, "-P", str(Path(__file__).resolve()), mark, str(os.getpid())],
        stdin=subprocess.PIPE,
        env={name: value for name, value in os.environ.items() if name != MARK},
        start_new_session=True,
    )
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            guard.communicate(b"ended in order")
        os.environ.pop(MARK, None)


def marked(mark: str) -> list[int]:
    """Processes of this user that carry the mark."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"{MARK}={mark}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found


def below(run: int) -> set[Process]:
    """All that a process has started, and what those have."""
    parents = dict(_processes())
    found: set[Process] = set()
    above = {run}
    while above:
        children = {process for process, parent in parents.items() if parent in above} - found
        found |= children
        above = {number for number, _ in children}
    return found


def _processes() -> Iterator[tuple[Process, int]]:
    """Each process and the number of its parent."""
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, IndexError):
            fields = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
            yield (int(folder.name), fields[19]), int(fields[1])


def main(mark: str, run: int) -> None:
    """Wait for the run's word, or its end without one."""
    seen: set[Process] = set()
    while not select.select([sys.stdin], [], [], LOOK_EVERY)[0]:
        seen = (seen & {process for process, _ in _processes()}) | below(run)
    if sys.stdin.buffer.read():
        return
    time.sleep(PATIENCE)
    left = {number for (number, started), _ in _processes() if (number, started) in seen and number != os.getpid()}
    for process in left | set(marked(mark)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
