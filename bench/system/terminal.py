"""What is printed: text from outside made harmless, and streams that nobody reads or that know no Unicode."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import sys
from collections.abc import Iterable, Iterator
from typing import Any, TextIO

from bench.errors import BenchError

_UNSEEN = re.compile(
    # control characters but for tab and line feed: colours, titles, erased lines
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"
    # what has no width, or turns text round
    "\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"
    # halves of characters
    "\ud800-\udfff]"
)
GONE = (errno.EPIPE, errno.ECONNRESET, errno.EIO, errno.EBADF, errno.ESHUTDOWN)
"""What the system says when a stream's reader has gone: a closed pipe, socket, terminal or handle."""


def visible(text: str) -> str:
    r"""Text with what a terminal would act on, or not show, as escapes: "\x1b[31m"."""
    return _UNSEEN.sub(lambda found: found[0].encode("unicode_escape", "surrogatepass").decode(), text)


def one_line(text: str) -> str:
    """Text from outside as a single line that a terminal shows as it is."""
    return visible(" ".join(text.splitlines()))


def show(text: str, end: str = "\n") -> None:
    """Print a result to standard output: exactly where it is a file or a pipe, harmlessly where it is a terminal."""
    print(visible(text) if sys.stdout.isatty() else text, end=end, flush=True)


def say(text: str) -> None:
    """Print lines about what is going on to standard error."""
    print(visible(text), file=sys.stderr, flush=True)


def prepare() -> None:
    """Let this process print whatever happens to its streams; called once, before anything is printed.

    A stream that is closed from the start leads nowhere, and so does one whose reader has gone: what is written is lost
    and the run goes on. So does a log on standard error whose disk is full; a result on standard output is then a
    `BenchError`.
    Characters that a stream cannot encode are printed as escapes.
    """
    while (handle := os.open(os.devnull, os.O_RDWR)) <= 2:  # else the next file that is opened would be printed into
        pass
    os.close(handle)
    for name, handle in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name)
        if stream is None:  # its handle was closed
            stream = os.fdopen(handle, "w", encoding="utf-8", closefd=False)
        if isinstance(stream, _Lasting):
            continue
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
        setattr(sys, name, _Lasting(stream, bears_all=name == "stderr"))


class _Lasting:
    """A text stream that takes what is written even when its reader has gone; all else is the stream's own."""

    def __init__(self, stream: TextIO, bears_all: bool) -> None:
        self._stream, self._bears_all = stream, bears_all

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """As the stream does; nothing where its reader has gone."""
        with self._lasting():
            self._stream.write(text)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """As the stream does; nothing where its reader has gone."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """As the stream does; nothing where its reader has gone."""
        with self._lasting():
            self._stream.flush()

    @contextlib.contextmanager
    def _lasting(self) -> Iterator[None]:
        try:
            yield
        except ValueError:  # the stream was closed in this process
            if not self._stream.closed:
                raise
        except OSError as error:
            with contextlib.suppress(OSError):  # what is left in the buffer would fail again when the process ends
                handle = os.open(os.devnull, os.O_WRONLY)
                os.dup2(handle, self._stream.fileno())
                os.close(handle)
            if error.errno not in GONE and not self._bears_all:
                raise BenchError(f"standard output cannot be written: {error.strerror}") from error
