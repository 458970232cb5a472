"""One training's codes, several fits of a task: what is made anew and what is not."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

from helpers import TOY

from bench.records.store import RecordStore

DRAWING = '''
"""A task whose value is what it draws, and the sum of the codes that it was given."""

import numpy as np
import torch
from dataclasses import dataclass

from bench.contracts.metric import Metric
from bench.contracts.result import TaskResult
from bench.contracts.task import Task
from bench.registry import tasks


@tasks.register(
    "drawing", needs=(), metrics=(Metric("drawn", None), Metric("global_drawn", None), Metric("codes", None))
)
@dataclass(frozen=True)
class Drawing(Task):
    """Draws."""

    def protocol(self):
        return {"version": 1}

    def run(self, work):
        result = TaskResult()
        result.add_whole("drawn", float(np.random.default_rng(work.seed).random()), 1)
        result.add_whole("global_drawn", float(torch.rand(())), 1)
        result.add_whole("codes", float(work.codes["test"].codebook.sum()), 1)
        return result
'''
Bench = Callable[..., subprocess.CompletedProcess[str]]


def test_a_head_seed_changes_what_the_task_draws_and_not_the_codes(bench: Bench, tmp_path: Path) -> None:
    plugin = tmp_path / "drawing.py"
    plugin.write_text(DRAWING)
    words = (
        "run", "--methods", "toy", "--tasks", "drawing", "--datasets", "toy-colours", "--preset", "smoke",
        "--engine", "serial", "--device", "cpu", "--seeds", "0,1", "--plugin", str(plugin),
        "--set", "reconstruction.extractors=()",
    )  # fmt: skip
    done = bench(*words, "--head-seeds", "0,1", "--json", plugin=TOY)
    assert done.returncode == 0, done.stderr
    store = RecordStore(tmp_path / "results")
    found = {(record.seed, record.head_seed): record for record in store.all().records if record.task == "drawing"}
    assert set(found) == {(0, 0), (0, 1), (1, 0), (1, 1)}
    for name in ("drawn", "global_drawn"):
        value = {seeds: record.metrics[name].value for seeds, record in found.items()}
        assert value[0, 0] == value[1, 0] != value[0, 1] == value[1, 1]
    codes = {seeds: record.metrics["codes"].value for seeds, record in found.items()}
    assert codes[0, 0] == codes[0, 1] != codes[1, 0] == codes[1, 1]
    assert "seed 0, head seed 1" in done.stderr

    usual = bench(*words, "--json", plugin=TOY)  # the training's seed is the default
    assert json.loads(usual.stdout)["ran"] == 0
