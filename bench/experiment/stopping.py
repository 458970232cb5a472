"""Stopping a run: once cleanly, twice at once."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from types import FrameType

SIGNALS = tuple(signal.Signals[name] for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class Stopped(BaseException):
    """The run was asked to stop by a signal."""

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
        self.exit_status = 128 + signum
        """What a shell expects of a program that ended because of this signal."""


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """The first of `SIGNALS` raises `Stopped` in the block, so that it can end in order; the next ends the process.

    A signal that is ignored stays so, such as SIGHUP under nohup.
    """
    before = {which: signal.getsignal(which) for which in SIGNALS}
    asked: list[int] = []

    def stop(signum: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a signal handler's arguments
        if asked:
            os._exit(128 + signum)
        asked.append(signum)
        raise Stopped(signum)

    for which, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(which, stop)
    try:
        yield
    finally:
        for which, handler in before.items():
            if handler is not None:
                signal.signal(which, handler)
