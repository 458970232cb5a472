"""What follows when a job has ended: failed records, a line for the user, or the end of the run."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from bench.errors import BenchError
from bench.experiment.board import Board
from bench.experiment.jobs import Job
from bench.experiment.outcome import failed
from bench.experiment.place import Place
from bench.experiment.schedule import Failure, Outcome, Schedule
from bench.records.store import RecordStore


@dataclass
class Conclusion:
    """Where ended jobs are reported. failures: of this run so far, also where a good record of before was kept."""

    schedule: Schedule
    place: Place
    board: Board
    fail_fast: bool = False
    failures: list[Failure] = field(default_factory=list)

    def ended(self, job: Job, outcome: Outcome) -> None:
        """Take note of a job's end.

        Raises:
            BenchError: the run cannot go on, or shall not, with `fail_fast`.
        """
        if outcome.status == "stale":
            raise BenchError(f"{outcome.reason}; nothing of it was recorded, run the same command again")
        failures = self.schedule.end(job.key, outcome)
        self.board.ended(job, outcome, len(failures))
        for failure in failures:
            self._record(failure)
        if failures and self.fail_fast:
            raise BenchError(f"stopped at the first failed cell: {failures[0].reason}")

    def _record(self, failure: Failure) -> None:
        self.failures.append(failure)
        attempt = failed(failure, torch.device(self.place.device))
        stored = RecordStore(self.place.results).write(attempt)
        kept = "" if stored.status == "failed" else "; its earlier record is kept"
        self.board.say(attempt.line() + kept)
