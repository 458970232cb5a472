"""Run a request: leave out what is recorded, prepare what is shared, hand the rest to an engine, say what happened."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import torch

from bench.errors import UsageError
from bench.experiment.cell import Place, caption_features, load_splits
from bench.experiment.plan import groups, plan
from bench.experiment.request import Cell, Request
from bench.records.record import Record
from bench.records.store import RecordStore
from bench.system.environment import pick_device, slots


@dataclass(frozen=True)
class Options:
    """How to run a request: all that does not change a value. Folders are absolute."""

    engine: str
    results: Path
    cache: Path
    device: str
    plugins: tuple[Path, ...]
    overwrite: str
    fail_fast: bool
    dry_run: bool
    as_json: bool


def execute(request: Request, options: Options) -> int:
    """Run a request and print what came of it; returns the exit status: 1 where a cell failed, now or before.

    Raises:
        UsageError: an unknown name, a folder that cannot be written, a device or engine that is not there.
    """
    device = pick_device(options.device)
    store = RecordStore(options.results)
    store.check_writable()
    cells = plan(request)
    recorded = {cell.key: store.get(cell.key) for cell in cells}
    to_run = [cell for cell in cells if _is_due(recorded[cell.key], options.overwrite)]
    if options.dry_run:
        _print_plan(cells, {cell.key for cell in to_run}, options.as_json)
        return 0
    due = {cell.key for cell in to_run}
    records = [record for key, record in recorded.items() if record is not None and key not in due]
    if to_run:
        engine, why = pick_engine(options.engine, len(groups(to_run)), device)
        _say(f"{len(to_run)} cells to run, {len(records)} recorded already; engine {engine} ({why}) on {device.type}")
        place = Place(options.results, options.cache, device.type, options.fail_fast)
        records += _run(to_run, place, engine, options.plugins)
    _print_summary(records, len(to_run), options)
    return 1 if any(record.status == "failed" for record in records) else 0


def pick_engine(name: str, group_count: int, device: torch.device) -> tuple[str, str]:
    """The engine and, in words, why: "auto" takes ray where it is installed and more than one group can run at once.

    Raises:
        UsageError: ray is asked for and not installed.
    """
    installed = importlib.util.find_spec("ray") is not None
    if name == "ray" and not installed:
        raise UsageError("--engine ray: ray is not installed; pip install 'ray[tune]', or take --engine serial")
    if name != "auto":
        return name, "as asked"
    at_once = min(slots(device), group_count)
    if at_once == 1:
        return "serial", "one thing at a time"
    return ("ray", f"{at_once} at once") if installed else ("serial", "ray is not installed")


def _is_due(record: Record | None, overwrite: str) -> bool:
    return record is None or overwrite == "all" or (overwrite == "failed" and record.status == "failed")


def _run(cells: list[Cell], place: Place, engine: str, plugins: tuple[Path, ...]) -> list[Record]:
    _prepare(cells, place)
    if engine == "ray":
        from bench.experiment import ray_tune

        return ray_tune.run(groups(cells), place, plugins)
    from bench.experiment import serial

    return serial.run(groups(cells), place)


def _prepare(cells: list[Cell], place: Place) -> None:
    """Make what several groups share, each thing once: data sets and, for methods that read text, caption features."""
    shared = {
        (cell.dataset.name, cell.tokenizer and cell.tokenizer.text_encoder): cell for cell in cells if not cell.skip
    }
    for name in dict.fromkeys(name for name, _ in shared):
        _say(f"preparing {name}, unless it is kept from before")
    for cell in shared.values():
        with contextlib.suppress(Exception):  # not lost: each group that needs it meets the same error and records it
            splits = load_splits(cell.dataset, place.cache)
            if cell.tokenizer is not None:
                caption_features(cell.tokenizer, splits["train"], place.cache, torch.device(place.device))


def _print_plan(cells: list[Cell], due: set[str], as_json: bool) -> None:
    rows = [
        {
            "key": cell.key,
            "code": cell.code,
            "dataset": cell.dataset.name,
            "method": cell.method,
            "task": cell.task.name,
            "seed": cell.seed,
            "state": "recorded" if cell.key not in due else f"skip: {cell.skip}" if cell.skip else "to run",
        }
        for cell in cells
    ]
    if as_json:
        print(json.dumps(rows, indent=1))
        return
    for row in rows:
        print("{key}  {dataset}  {method}  {task}  seed {seed}  {state}".format(**row))
    print(f"{len(cells)} cells, {len(due)} to run")


def _print_summary(records: list[Record], ran: int, options: Options) -> None:
    counts = {status: sum(record.status == status for record in records) for status in ("ok", "skipped", "failed")}
    if options.as_json:
        print(
            json.dumps(
                {"ran": ran, **counts, "records": [json.loads(record.to_json()) for record in records]}, indent=1
            )
        )
        return
    words = ", ".join(f"{count} {status}" for status, count in counts.items())
    reused = len(records) - ran
    if not ran:
        print(f"nothing to do: {reused} records in {options.results} answer this ({words})")
        for record in records:
            if record.status == "failed":
                print(f"{record.line()} (try again with --overwrite failed)")
    else:
        print(f"{words}; {reused} of them recorded before")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
