"""One job after another, in one worker process."""

from __future__ import annotations

import time

from bench.experiment.conclude import Conclusion
from bench.experiment.place import Setup
from bench.experiment.schedule import Schedule
from bench.experiment.supervise import Worker

WAIT = 0.2
"""Seconds between two looks at jobs that another run is doing."""


def run(schedule: Schedule, setup: Setup, conclusion: Conclusion) -> None:
    """Do all jobs.

    Raises:
        BenchError: as `Conclusion.ended`.
    """
    worker = Worker(setup)
    try:
        work_off(schedule, worker, conclusion)
    finally:
        worker.close()


def work_off(schedule: Schedule, worker: Worker, conclusion: Conclusion) -> None:
    """Do all jobs in a worker that is there.

    Raises:
        BenchError: as `Conclusion.ended`.
    """
    while not schedule.over:
        job = schedule.start()
        if job is None:
            conclusion.board.refresh()
            time.sleep(WAIT)
            continue
        conclusion.board.started(job)
        conclusion.ended(job, worker.run(job, conclusion.board.refresh))
