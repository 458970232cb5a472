"""What a person sees of a run: a live table on a terminal, a line now and then in a log. Both on standard error."""

from __future__ import annotations

import contextlib
import sys
import time
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from bench.experiment.jobs import Job
from bench.experiment.schedule import Outcome, Schedule
from bench.experiment.time_left import in_words, kinds, time_left
from bench.system import progress
from bench.system.terminal import visible

WORDS = {"data": "prepare", "text": "encode", "training": "train", "codes": "encode", "cell": "evaluate"}
DRAW_EVERY = 0.25
"""Seconds between two drawings of the table."""
CLOSED = (OSError, ValueError)
"""What writing raises when nobody reads any more: the pipe or terminal is closed. The run goes on."""


class Board:
    """The state of a run. schedule: its jobs. parallel: at once. cache: where workers leave their progress."""

    def __init__(self, schedule: Schedule, parallel: int, cache: Path) -> None:
        self.schedule = schedule
        self.cells = sum(job.stage == "cell" for job in schedule.jobs.values())
        self.parallel = max(1, parallel)
        self.folder = cache / "progress"
        self.running: dict[str, tuple[Job, float]] = {}
        self.done = self.failed = 0
        self.spent: dict[str, list[float]] = {}
        self.last_line = self.last_drawn = time.monotonic()
        console = Console(stderr=True)
        self.live = Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else None

    def __enter__(self) -> Board:
        if self.live:
            self.live.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self.live:
            with contextlib.suppress(*CLOSED):
                self.live.stop()

    def started(self, job: Job) -> None:
        """A job runs now."""
        self.running[job.key] = (job, time.monotonic())
        self.refresh()

    def ended(self, job: Job, outcome: Outcome, failures: int) -> None:
        """A job has ended; its record's line and what it printed are shown. failures: cells that fail because of it."""
        self.running.pop(job.key, None)
        with contextlib.suppress(OSError):
            (self.folder / f"{job.key}.json").unlink(missing_ok=True)
        if outcome.said and outcome.status != "failed":  # of a failed one it is in the record
            self.say(outcome.said.rstrip())
        if outcome.line:
            self.say(outcome.line)
        if outcome.status == "lost":
            self.say(f"{WORDS[job.stage]} {job.label}: {outcome.reason}")
        self.failed += failures
        if outcome.status == "done":
            self.done += job.stage == "cell"
            self.spent.setdefault(kinds(job)[0], []).append(outcome.seconds)
        self.refresh()

    def say(self, text: str) -> None:
        """Print lines above the table."""
        text = visible(text)
        with contextlib.suppress(*CLOSED):
            if self.live:
                self.live.console.print(Text(text))
            else:
                print(text, file=sys.stderr, flush=True)

    def refresh(self) -> None:
        """Draw the table anew, or print a line where the last one is long ago."""
        now = time.monotonic()
        with contextlib.suppress(*CLOSED):
            if self.live and now - self.last_drawn >= DRAW_EVERY:
                self.last_drawn = now
                self.live.update(self._table(now), refresh=True)
            elif not self.live and now - self.last_line >= progress.LINE_EVERY:
                self.last_line = now
                running = [f"{label} {state}".rstrip() for label, state, _ in self._rows(now)]
                print("; ".join([self._summary(now), *running[:4]]), file=sys.stderr, flush=True)

    def _summary(self, now: float) -> str:
        failed = f", {self.failed} failed" if self.failed else ""
        to_come = [self.schedule.jobs[key] for key in self.schedule.left]
        running = {key: now - begun for key, (_, begun) in self.running.items()}
        seconds = time_left(to_come, running, self.spent, self.parallel)
        left = "" if seconds is None else f", {in_words(seconds)} left"
        return f"{self.done} of {self.cells} cells done{failed}, {len(self.running)} jobs running{left}"

    def _rows(self, now: float) -> list[tuple[str, str, float | None]]:
        rows: list[tuple[str, str, float | None]] = []
        for job, begun in self.running.values():
            report = progress.read_report(self.folder / f"{job.key}.json")
            label = f"{WORDS[job.stage]} {job.label}"
            if report is None:
                rows.append((label, f"{now - begun:.0f} s", None))
            else:
                done, total, what = report
                rows.append((label, f"{what} {done}/{total}", done / max(1, total)))
        return rows

    def _table(self, now: float) -> Group:
        table = Table.grid(padding=(0, 2))
        for label, state, share in self._rows(now):
            bar = ProgressBar(total=1.0, completed=share, width=24) if share is not None else Text("")
            table.add_row(Text(label), bar, Text(state))
        return Group(table, Text(self._summary(now)))
