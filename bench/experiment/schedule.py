"""Which job may start, and what follows from how one ended: the bookkeeping that all engines share."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from typing import NamedTuple

from bench.experiment.jobs import Job
from bench.experiment.request import Cell

ASK_AGAIN = 1.0
"""Seconds until a job that another run is doing is tried again."""


class Outcome(NamedTuple):
    """How a job ended.

    status: "done"; "busy" where another run is doing it; "failed" for what would fail again; "lost" where its process
    or machine disappeared; "stale" where the code was edited since it was planned.
    reason: in one line, unless done. traceback: its tail, where there is one. said: what it printed.
    line: of the record that it left. seconds: that it took.
    """

    status: str
    reason: str = ""
    traceback: str | None = None
    said: str = ""
    line: str = ""
    seconds: float = 0.0


class Failure(NamedTuple):
    """A cell that will have no value, and why."""

    cell: Cell
    reason: str
    traceback: str | None


class Schedule:
    """The jobs of a run. retries: how often a job whose process or machine was lost starts again."""

    def __init__(self, jobs: Mapping[str, Job], retries: int) -> None:
        self.jobs = jobs
        self.retries = retries
        self.left = set(jobs)
        self.running: set[str] = set()
        self.tries: dict[str, int] = {}
        self.after: dict[str, list[str]] = {}
        self._missing = {key: len(job.needs) for key, job in jobs.items()}
        for key, job in jobs.items():
            for need in job.needs:
                self.after.setdefault(need, []).append(key)
        self._queues: tuple[deque[str], ...] = (deque(), deque(), deque())
        for key, job in jobs.items():
            if not job.needs:
                self._put(key)
        self._busy: deque[tuple[float, str]] = deque()

    @property
    def over(self) -> bool:
        """Whether every job has ended."""
        return not self.left

    def start(self) -> Job | None:
        """A job that may start now, or None.

        Cells come first, so that results are there early; blind baselines, which keep nobody waiting, last.
        """
        if self._busy and self._busy[0][0] <= time.monotonic():
            self._put(self._busy.popleft()[1])
        queue = next((queue for queue in self._queues if queue), None)
        if queue is None:
            return None
        key = queue.popleft()
        self.running.add(key)
        return self.jobs[key]

    def end(self, key: str, outcome: Outcome) -> list[Failure]:
        """Note how a job ended; returns the cells that fail because of it."""
        self.running.discard(key)
        if outcome.status == "busy":
            self._busy.append((time.monotonic() + ASK_AGAIN, key))
            return []
        if outcome.status == "lost" and self.tries.get(key, 0) < self.retries:
            self.tries[key] = self.tries.get(key, 0) + 1
            self._put(key)
            return []
        self.left.discard(key)
        if outcome.status == "done":
            for later in self.after.get(key, []):
                self._missing[later] -= 1
                if not self._missing[later] and later in self.left:
                    self._put(later)
            return []
        return [
            Failure(job.cell, outcome.reason, outcome.traceback)
            for job in (self.jobs[key], *self._give_up(key))
            if job.stage == "cell"
        ]

    def _give_up(self, key: str) -> list[Job]:
        """All jobs that wait for this one, taken out."""
        lost: list[Job] = []
        queue = deque(self.after.get(key, []))
        while queue:
            later = queue.popleft()
            if later in self.left:
                self.left.discard(later)
                lost.append(self.jobs[later])
                queue.extend(self.after.get(later, []))
        return lost

    def _put(self, key: str) -> None:
        job = self.jobs[key]
        self._queues[1 if job.stage != "cell" else 0 if job.cell.tokenizer else 2].append(key)
