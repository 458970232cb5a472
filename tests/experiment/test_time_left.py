"""How long a run still takes is said only when it can be known, and then from jobs of the same kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.experiment.board import Board
from bench.experiment.jobs import Job, graph
from bench.experiment.plan import plan
from bench.experiment.request import Request
from bench.experiment.schedule import Outcome, Schedule
from bench.experiment.time_left import in_words, kinds, time_left

pytestmark = pytest.mark.usefixtures("toy")
REQUEST = Request(("toy", "toy-16"), ("toy-task",), ("toy-colours",), preset="smoke")
SPENT = {"data": [1.0], "training": [300.0, 340.0], "codes": [10.0], "toy-task": [100.0], "reconstruction": [50.0]}


@pytest.fixture
def jobs(tmp_path: Path) -> dict[str, Job]:
    return graph(plan(REQUEST), {}, tmp_path)


def test_each_kind_of_work_has_its_own_pace(jobs: dict[str, Job]) -> None:
    # Two trainings, two encodings, and both tasks for two methods and the blind row.
    assert time_left(jobs.values(), {}, SPENT, 1) == 1 + 2 * 320 + 2 * 10 + 3 * 100 + 3 * 50
    assert time_left(jobs.values(), {}, SPENT, 2) == (1 + 2 * 320 + 2 * 10 + 3 * 100 + 3 * 50) / 2


def test_quick_jobs_promise_nothing_for_slow_ones(jobs: dict[str, Job]) -> None:
    for missing in ("training", "toy-task"):
        spent = {name: times for name, times in SPENT.items() if name != missing}
        assert time_left(jobs.values(), {}, spent, 1) is None
        others = [job for job in jobs.values() if missing not in kinds(job)]
        assert time_left(others, {}, spent, 1) is not None


def test_a_blind_baseline_promises_nothing_for_what_reads_codes(jobs: dict[str, Job]) -> None:
    of_task = [job for job in jobs.values() if "toy-task" in kinds(job)]
    (blind,) = (job for job in of_task if job.cell.tokenizer is None)
    methods = [job for job in of_task if job is not blind]
    assert time_left(methods, {}, {"blind toy-task": [5.0]}, 1) is None
    assert time_left([blind], {}, {"blind toy-task": [5.0], "toy-task": [100.0]}, 1) == 5
    assert time_left([blind], {}, {"toy-task": [100.0]}, 1) == 100


def test_what_runs_counts_for_its_rest_and_never_for_less_than_nothing(jobs: dict[str, Job]) -> None:
    first, second = [job for job in jobs.values() if job.stage == "training"]
    assert time_left([first, second], {first.key: 120.0}, SPENT, 1) == 200 + 320
    assert time_left([first, second], {first.key: 900.0}, SPENT, 1) == 320
    assert time_left([first], {first.key: 900.0}, SPENT, 1) is None, "nobody knows, and it is not nothing"
    assert time_left([first], {}, SPENT, 8) == 320, "one job has no use for eight places"
    assert time_left([], {}, SPENT, 1) is None


def test_a_run_says_it_and_counts_cells_that_a_failed_training_takes_along(
    jobs: dict[str, Job], tmp_path: Path
) -> None:
    schedule = Schedule(jobs, retries=0)
    board = Board(schedule, 1, tmp_path)
    while not schedule.over:
        job = schedule.start()
        assert job is not None
        board.started(job)
        broken = job.stage == "training" and job.cell.method == "toy"
        outcome = Outcome("failed" if broken else "done", seconds=60.0)
        board.ended(job, outcome, len(schedule.end(job.key, outcome)))
        if job.stage in ("data", "training"):
            assert "left" not in board._summary(0.0), "no cell has ended"
        elif schedule.left:
            known = all(set(kinds(schedule.jobs[key])) & set(board.spent) for key in schedule.left)
            assert ("min left" in board._summary(0.0)) == known
    assert board._summary(0.0) == "4 of 6 cells done, 2 failed, 0 jobs running"


def test_times_are_written_as_people_say_them() -> None:
    assert [in_words(seconds) for seconds in (4.6, 90, 3599, 7800)] == [
        "about 5 s",
        "about 2 min",
        "about 1 h 0 min",
        "about 2 h 10 min",
    ]
