"""Run a request: leave out what is recorded, hand the rest to an engine, say what happened."""

from __future__ import annotations

import contextlib
import importlib.util
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from bench.errors import BenchError, UsageError
from bench.experiment import serial
from bench.experiment.board import Board
from bench.experiment.conclude import Conclusion
from bench.experiment.guard import guarded
from bench.experiment.jobs import Job, graph
from bench.experiment.outcome import skipped
from bench.experiment.packing import packed
from bench.experiment.place import Place, Setup
from bench.experiment.plan import ENCODE_CODE, TRAIN_CODE, plan
from bench.experiment.request import Cell, Request
from bench.experiment.schedule import Schedule
from bench.experiment.stopping import Stopped, held_back, stoppable
from bench.records.record import Record
from bench.records.store import RecordStore
from bench.registry import text_encoders
from bench.system import fingerprint, terminal
from bench.system.claims import check_writable
from bench.system.environment import pick_device, slots
from bench.system.files import sweep


@dataclass(frozen=True)
class Options:
    """How to run a request: all that does not change a value. Folders are absolute.

    address: of a running Ray cluster to join. gpus: share of a GPU that a cell gets, None for what was measured.
    parallel: jobs at once at most. retries: of a job whose process or machine was lost. timeout: seconds for a job.
    """

    engine: str
    results: Path
    cache: Path
    device: str
    plugins: tuple[Path, ...] = ()
    overwrite: str = "missing"
    fail_fast: bool = False
    dry_run: bool = False
    as_json: bool = False
    address: str | None = None
    gpus: float | None = None
    parallel: int | None = None
    retries: int = 2
    timeout: float | None = None
    checkpoint_minutes: float = 10.0
    tensorboard: bool = False


def execute(request: Request, options: Options) -> int:
    """Run a request and print what came of it; returns the exit status: 1 where a cell failed, now or before.

    Raises:
        UsageError: an unknown name, a folder that cannot be written, a device or engine that is not there.
    """
    device = pick_device(options.device)
    store = RecordStore(options.results)
    store.check_writable()
    cells = plan(request)
    recorded = store.recorded(cell.key for cell in cells)
    for problem in store.problems:
        _say(f"taken for no record: {problem}")
    to_run = [cell for cell in cells if _is_due(recorded.get(cell.key), options.overwrite)]
    if options.dry_run:
        _print_plan(cells, {cell.key for cell in to_run}, options.as_json)
        return 0
    failures = 0
    if to_run:
        place = Place(
            options.results,
            options.cache,
            device.type,
            checkpoint_minutes=options.checkpoint_minutes,
            tensorboard=options.tensorboard,
        )
        jobs = graph(to_run, {key: record.created for key, record in recorded.items()}, options.cache)
        if any(job.stage in ("text", "training", "codes") for job in jobs.values()):
            check_writable(options.cache, "cache")
        for folder in (options.results, options.cache):
            sweep(folder)
        for cell in to_run:
            if cell.skip:
                store.write(skipped(cell, device))
        for reason, cells_of in Counter(cell.skip for cell in to_run if cell.skip).items():
            _say(f"skipped, {cells_of} cell{'s' * (cells_of > 1)}: {reason}")
        if device.type == "cuda":
            jobs = packed(jobs, options.gpus, store.all().records)
        _say(f"{len(to_run)} cells to run, {len(cells) - len(to_run)} recorded already, on {device.type}")
        try:
            failures = _run(jobs, place, options, to_run)
        except Stopped as stopped:
            done = len(RecordStore(options.results).recorded(cell.key for cell in to_run))
            _say(f"stopped ({stopped}); {done} of {len(to_run)} cells are recorded, run the same command to go on")
            return stopped.exit_status
        for folder in (options.results, options.cache):
            sweep(folder)
    final = RecordStore(options.results).recorded(cell.key for cell in cells)
    _print_summary(list(final.values()), len(to_run), len(cells), options)
    missing = len(final) < len(cells)
    return 1 if failures or missing or any(record.status == "failed" for record in final.values()) else 0


def _run(jobs: Mapping[str, Job], place: Place, options: Options, cells: list[Cell]) -> int:
    """Run the jobs; returns how many cells failed."""
    if not jobs:
        return 0
    schedule = Schedule(jobs, options.retries)
    setup = Setup(place, options.plugins, planned_code(cells), options.timeout)
    engine, why = pick_engine(options, sum(job.stage in ("training", "cell") for job in jobs.values()))
    at_once = slots(torch.device(place.device))
    parallel = 1 if engine == "serial" else min(at_once, options.parallel or at_once)
    with contextlib.ExitStack() as stack:
        if engine == "ray":
            stack.enter_context(guarded())
            try:
                with held_back():
                    from bench.experiment import ray_tune

                    ray_tune.connect(options.address, max(job.threads for job in jobs.values()))
            except BenchError as error:
                if options.engine == "ray":
                    raise
                engine, why = "serial", str(error)
        board = stack.enter_context(Board(schedule, parallel, place.cache))
        stack.enter_context(stoppable())  # after Ray, which has signal handlers of its own
        conclusion = Conclusion(schedule, place, board, options.fail_fast)
        board.say(f"engine {engine} ({why})")
        if engine == "ray":
            ray_tune.run(schedule, setup, conclusion, options.parallel)
        else:
            serial.run(schedule, setup, conclusion)
    return len(conclusion.failures)


def planned_code(cells: list[Cell]) -> dict[Path, str]:
    """The files whose code the cells run, each with its fingerprint as of now."""
    files = {*TRAIN_CODE, *ENCODE_CODE}
    for cell in {id(cell.task): cell for cell in cells}.values():
        files |= {cell.task.entry.path}
    for cell in cells:
        files.add(cell.dataset.entry.path)
        if cell.tokenizer is not None:
            files.add(cell.tokenizer.method.entry.path)
            if cell.tokenizer.text_encoder is not None:
                files.add(text_encoders.get(cell.tokenizer.text_encoder).path)
    return {path: fingerprint.of_code((path,)) for path in sorted(files)}


def pick_engine(options: Options, at_once: int) -> tuple[str, str]:
    """The engine and, in words, why: "auto" takes ray where it is installed and more than one job can run at once.

    Raises:
        UsageError: ray is asked for and not installed.
    """
    installed = importlib.util.find_spec("ray") is not None
    if options.engine == "ray" and not installed:
        raise UsageError("--engine ray: ray is not installed; pip install 'ray[tune]', or take --engine serial")
    if options.engine != "auto":
        return options.engine, "as asked"
    if options.address:
        return "ray", "joins a cluster"
    at_once = min(slots(pick_device(options.device)), at_once, options.parallel or at_once)
    if at_once == 1:
        return "serial", "one thing at a time"
    return ("ray", f"{at_once} at once") if installed else ("serial", "ray is not installed")


def _is_due(record: Record | None, overwrite: str) -> bool:
    return record is None or overwrite == "all" or (overwrite == "failed" and record.status == "failed")


def _print_plan(cells: list[Cell], due: set[str], as_json: bool) -> None:
    rows = [
        {
            "key": cell.key,
            "code": cell.code,
            "dataset": cell.dataset.name,
            "method": cell.method,
            "task": cell.task.name,
            "seed": cell.seed,
            "head_seed": cell.head_seed,
            "state": "recorded" if cell.key not in due else f"skip: {cell.skip}" if cell.skip else "to run",
        }
        for cell in cells
    ]
    if as_json:
        print(json.dumps(rows, indent=1))
        return
    for cell, row in zip(cells, rows, strict=True):
        print("{key}  {dataset}  {method}  {task}  {seeds}  {state}".format(**row, seeds=cell.seeds))
    print(f"{len(cells)} cells, {len(due)} to run")


def _print_summary(records: list[Record], ran: int, cells: int, options: Options) -> None:
    counts = {status: sum(record.status == status for record in records) for status in ("ok", "skipped", "failed")}
    if options.as_json:
        print(
            json.dumps(
                {"ran": ran, **counts, "records": [json.loads(record.to_json()) for record in records]}, indent=1
            )
        )
        return
    words = ", ".join(f"{count} {status}" for status, count in counts.items())
    reused = cells - ran
    if not ran:
        print(f"nothing to do: {reused} records in {options.results} answer this ({words})")
        for record in records:
            if record.status == "failed":
                print(f"{record.line()} (try again with --overwrite failed)")
    else:
        print(f"{words}; {reused} of them recorded before")


def _say(text: str) -> None:
    terminal.say(text)
