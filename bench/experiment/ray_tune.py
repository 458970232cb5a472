"""Groups side by side under Ray Tune; the only module that imports ray.

Tune is a scheduler here and nothing more: a trial is a group of cells, it writes its own records and returns normally
whatever happened, and what is missing is worked out from the record store, never from Tune's own checkpoints (they skip
errored trials and ignore a changed grid).
"""

from __future__ import annotations

import logging
import os
import tempfile
from pathlib import Path
from typing import Any

import ray
import torch
from ray import tune

from bench.errors import BenchError
from bench.experiment.cell import Place, run_group
from bench.experiment.request import Cell
from bench.records.record import Record
from bench.records.store import RecordStore
from bench.registry import add_plugin
from bench.system.environment import cpu_count, slots

ENVIRONMENT = {
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DEDUP_LOGS": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


def run(groups: list[list[Cell]], place: Place, plugins: tuple[Path, ...] = ()) -> list[Record]:
    """Run all groups, as many at once as there are GPUs or cores, and return their records.

    Raises:
        BenchError: with `place.fail_fast`, at the first group that had a failed cell.
    """
    os.environ.update(ENVIRONMENT)
    parallel = min(slots(torch.device(place.device)), len(groups))
    threads = max(1, cpu_count() // parallel)
    ray.init(num_cpus=parallel * threads, include_dashboard=False, log_to_driver=True, logging_level=logging.ERROR)
    try:
        with tempfile.TemporaryDirectory(prefix="tune") as storage:
            resources = {"cpu": float(threads), "gpu": 1.0 if place.device == "cuda" else 0.0}
            trainable = tune.with_parameters(_trial, groups=groups, place=place, plugins=plugins, threads=threads)
            tuner = tune.Tuner(
                tune.with_resources(trainable, resources),
                param_space={"group": tune.grid_search(list(range(len(groups))))},
                tune_config=tune.TuneConfig(max_concurrent_trials=parallel),
                run_config=tune.RunConfig(
                    storage_path=storage, verbose=0, failure_config=tune.FailureConfig(fail_fast=place.fail_fast)
                ),
            )
            grid = tuner.fit()
            crashed = grid.errors
    finally:
        ray.shutdown()
    if crashed:
        raise BenchError(f"{len(crashed)} of {len(groups)} Ray trials ended before their records: {crashed[0]}")
    store = RecordStore(place.results)
    records = [store.get(cell.key) for cells in groups for cell in cells]
    return [record for record in records if record is not None]


def _trial(
    config: dict[str, Any], groups: list[list[Cell]], place: Place, plugins: tuple[Path, ...], threads: int
) -> None:
    torch.set_num_threads(threads)
    for path in plugins:
        add_plugin(path)
    records = run_group(groups[config["group"]], place)
    tune.report({"failed": sum(record.status == "failed" for record in records)})
