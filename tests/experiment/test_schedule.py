"""The graph of stages and its bookkeeping: nothing twice, nothing too early, and what a failure takes with it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from bench.experiment.jobs import Job, graph
from bench.experiment.plan import plan
from bench.experiment.request import Request
from bench.experiment.schedule import Outcome, Schedule

pytestmark = pytest.mark.usefixtures("toy")
REQUEST = Request(("toy", "toy-16"), ("toy-task",), ("toy-colours",), preset="smoke")
DONE = Outcome("done")


@pytest.fixture
def jobs(tmp_path: Path) -> dict[str, Job]:
    return graph(plan(REQUEST), {}, tmp_path)


def stages(jobs: dict[str, Job]) -> list[str]:
    return [job.stage for job in jobs.values()]


def test_one_job_a_stage_and_one_a_cell(jobs: dict[str, Job]) -> None:
    found = stages(jobs)
    assert {stage: found.count(stage) for stage in found} == {"data": 1, "training": 2, "codes": 2, "cell": 6}
    assert all(need in jobs for job in jobs.values() for need in job.needs)


def test_what_the_cache_holds_needs_no_job(tmp_path: Path) -> None:
    cells = plan(REQUEST)
    tokenizer = cells[0].tokenizer
    assert tokenizer is not None
    (tmp_path / "tokenizers" / tokenizer.key).mkdir(parents=True)
    found = stages(graph(cells, {}, tmp_path))
    assert (found.count("training"), found.count("codes")) == (1, 2)
    for split in ("train", "validation", "test"):
        (tmp_path / "codes" / tokenizer.codes_key / split).mkdir(parents=True)
    found = stages(graph(cells, {}, tmp_path))
    assert (found.count("training"), found.count("codes")) == (1, 1)


def test_the_order_is_that_of_the_needs(jobs: dict[str, Job]) -> None:
    schedule = Schedule(jobs, retries=0)
    done: list[str] = []
    while not schedule.over:
        job = schedule.start()
        assert job is not None
        assert set(job.needs) <= set(done)
        assert job.key not in done
        schedule.end(job.key, DONE)
        done.append(job.key)
    assert sorted(done) == sorted(jobs)


def test_all_tasks_of_one_method_may_run_at_once(tmp_path: Path) -> None:
    request = dataclasses.replace(REQUEST, methods=("toy",))
    schedule = Schedule(graph(plan(request), {}, tmp_path), retries=0)
    for stage in ("data", "training"):
        job = schedule.start()
        assert job is not None
        assert job.stage == stage
        schedule.end(job.key, DONE)
    codes = schedule.start()
    assert codes is not None
    assert codes.stage == "codes"
    blind = schedule.start()
    assert blind is not None
    assert blind.cell.method == "blind"
    schedule.end(codes.key, DONE)
    side_by_side = [schedule.start(), schedule.start()]
    assert [job and job.stage for job in side_by_side] == ["cell", "cell"]


def test_a_failed_training_fails_its_cells_alone(jobs: dict[str, Job]) -> None:
    schedule = Schedule(jobs, retries=0)
    failed: list[str] = []
    while not schedule.over:
        job = schedule.start()
        assert job is not None
        broken = job.stage == "training" and job.cell.method == "toy"
        outcome = Outcome("failed", "RuntimeError: broken", "tail") if broken else DONE
        failures = schedule.end(job.key, outcome)
        failed += [failure.cell.method for failure in failures]
        assert all((failure.reason, failure.traceback) == ("RuntimeError: broken", "tail") for failure in failures)
    assert failed == ["toy", "toy"]


def test_lost_jobs_start_again_so_many_times_and_failed_ones_never(jobs: dict[str, Job]) -> None:
    for status, tries in (("lost", 3), ("failed", 1)):
        schedule = Schedule(jobs, retries=2)
        count = 0
        while (job := schedule.start()) is not None:
            count += 1
            schedule.end(job.key, Outcome(status, "gone"))
        assert count == tries
        assert schedule.over


def test_a_job_that_another_run_does_is_tried_again_later(
    jobs: dict[str, Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.experiment.schedule.ASK_AGAIN", 0.0)
    schedule = Schedule(jobs, retries=0)
    job = schedule.start()
    assert job is not None
    assert not schedule.end(job.key, Outcome("busy"))
    assert not schedule.over
    assert schedule.start() is job
