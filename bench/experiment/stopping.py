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


_asked: Stopped | None = None


def asked() -> Stopped | None:
    """What was raised in the block of `stoppable`, for callers of libraries that turn it into errors of theirs."""
    return _asked


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """The first of `SIGNALS` raises `Stopped` in the block, so that it can end in order; the next ends the process.

    A signal that is ignored stays so, such as SIGHUP under nohup.
    """
    global _asked
    before = {which: signal.getsignal(which) for which in SIGNALS}

    def stop(signum: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a signal handler's arguments
        global _asked
        if _asked is not None:
            os._exit(128 + signum)
        _asked = Stopped(signum)
        raise _asked

    for which, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(which, stop)
    try:
        yield
    finally:
        _asked = None
        for which, handler in before.items():
            if handler is not None:
                signal.signal(which, handler)


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """A Ctrl-C in the block raises `Stopped` at its end: Ray crashes if it is interrupted while it starts.

    A second one ends the process.
    """
    came = False

    def note(signum: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a signal handler's arguments
        nonlocal came
        if came:
            os._exit(128 + signum)
        came = True

    before = signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if came:
        raise Stopped(signal.SIGINT)
