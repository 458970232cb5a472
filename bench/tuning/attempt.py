"""One rung of a trial, done in a worker process as the cells of a run are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.experiment import serial
from bench.experiment.board import Board
from bench.experiment.conclude import Conclusion
from bench.experiment.jobs import graph
from bench.experiment.packing import packed
from bench.experiment.place import Setup
from bench.experiment.schedule import Schedule
from bench.experiment.supervise import Worker
from bench.records.record import Record
from bench.records.store import RecordStore
from bench.tuning.target import Target
from bench.tuning.trials import Rung


@dataclass(frozen=True)
class Conditions:
    """What is the same for all trials. again: statuses of records that are made anew. gpu: a trial's share of one."""

    target: Target
    setup: Setup
    again: tuple[str, ...] = ()
    retries: int = 2
    gpu: float = 1.0


def complete(rung: Rung, worker: Worker, conditions: Conditions) -> list[Record]:
    """Run the cells of a rung that are due, one job after another; returns the records of all.

    Raises:
        BenchError: as `bench.experiment.conclude.Conclusion.ended`.
    """
    place = conditions.setup.place
    store = RecordStore(place.results)
    recorded = store.recorded(cell.key for cell in rung.cells)
    due = [cell for cell in rung.cells if is_due(recorded.get(cell.key), conditions.again)]
    jobs = graph(due, {key: record.created for key, record in recorded.items()}, place.cache)
    if place.device == "cuda":
        jobs = packed(jobs, conditions.gpu, ())
    schedule = Schedule(jobs, conditions.retries)
    serial.work_off(schedule, worker, Conclusion(schedule, place, Board(schedule, 1, place.cache)))
    return list(store.recorded(cell.key for cell in rung.cells).values())


def is_due(record: Record | None, again: Sequence[str]) -> bool:
    """Whether a cell with this record is run."""
    return record is None or record.status in again
