"""TensorBoard event files of trainings: losses, learning rate and speed, step by step."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tensorboardX.event_file_writer import EventsWriter


class TrainingLog:
    """The event files of one training. What is noted is on the disk at once.

    It writes by itself, without the thread of `SummaryWriter`: a training that is killed leaves all of it, and a full
    disk shows here, where it ends the log with a line on standard error, and not the training.
    """

    def __init__(self, folder: Path) -> None:
        """folder: of this training alone; TensorBoard shows it under its name."""
        self.folder = folder
        self._writer: EventsWriter | None = None
        self._last = 0, 0.0

    def begin(self, done: int, images: int) -> None:
        """Open a file; what earlier ones say of later steps than `done` is void, since those are done anew.

        Args:
            done: steps done so far. images: seen in them.
        """
        from tensorboardX.event_file_writer import EventsWriter
        from tensorboardX.proto.event_pb2 import Event, SessionLog

        with self._no_failure():
            self.folder.mkdir(parents=True, exist_ok=True)
            # a suffix, since two files of one second would otherwise be one
            self._writer = EventsWriter(str(self.folder / "events"), f".{time.time_ns()}")
            start = SessionLog(status=SessionLog.START)
            self._writer.write_event(Event(wall_time=time.time(), step=done + 1, session_log=start))
        self._last = images, time.perf_counter()

    def note(self, step: int, losses: Mapping[str, float], learning_rate: float, images: int) -> None:
        """Write down how it goes.

        Args:
            step: steps done so far. losses: means over the stretch since the last note. images: seen so far.
        """
        from tensorboardX.proto.event_pb2 import Event
        from tensorboardX.proto.summary_pb2 import Summary

        now = time.perf_counter()
        speed = (images - self._last[0]) / (now - self._last[1])
        scalars = {f"loss/{name}": loss for name, loss in losses.items()}
        scalars |= {"learning_rate": learning_rate, "images_per_s": speed}
        values = [Summary.Value(tag=tag, simple_value=value) for tag, value in scalars.items()]
        with self._no_failure():
            if self._writer is not None:
                self._writer.write_event(Event(wall_time=time.time(), step=step, summary=Summary(value=values)))
                self._writer.flush()
        self._last = images, now

    @contextlib.contextmanager
    def _no_failure(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._writer = None
            print(f"{self.folder}: no more event files: {error.strerror}", file=sys.stderr)
