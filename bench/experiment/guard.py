"""Ends what a killed run leaves: Ray's agents go on for a minute, trying to reach a server that is gone.

A small process waits for the end of the run. Where the run ended without a word, it kills all processes that carry the
run's mark in their environment, which everything that Ray starts inherits. Linux only; elsewhere they go by themselves.
"""

from __future__ import annotations

import contextlib
import os
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


@contextlib.contextmanager
def guarded() -> Iterator[None]:
    """In the block, what this process starts does not outlive it, whoever kills it."""
    mark = os.environ[MARK] = uuid.uuid4().hex
    guard = subprocess.Popen(
        [sys.executable, "-P", str(Path(__file__).resolve()), mark],
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


def main(mark: str) -> None:
    """Wait for the run's word, or its end without one."""
    if sys.stdin.buffer.read():
        return
    time.sleep(PATIENCE)
    for process in marked(mark):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1])
