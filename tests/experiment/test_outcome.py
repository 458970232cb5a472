from pathlib import Path

import numpy as np
import torch

from bench.contracts.result import TaskResult
from bench.experiment.outcome import measured
from bench.experiment.plan import plan
from bench.experiment.request import Request


def test_a_cell_without_any_value_is_skipped_with_the_reasons(toy: Path) -> None:
    (cell, *_) = plan(Request(methods=("toy",), tasks=("toy-task",), datasets=("toy-colours",), preset="smoke"))
    result = TaskResult()
    for metric in ("psnr", "ssim", "l1"):
        result.skip(metric, "the test split: there is no example" if metric != "l1" else "another reason")
    record = measured(cell, torch.device("cpu"), result, {"test": 1})
    assert record.status == "skipped"
    assert record.reason == "nothing could be measured: the test split: there is no example; another reason"
    assert record.skipped == result.skipped
    result.add("l1", np.ones(2))
    assert measured(cell, torch.device("cpu"), result, {}).status == "ok"
    assert "gave no value" in (measured(cell, torch.device("cpu"), TaskResult(), {}).reason or "")


def test_a_value_keeps_its_standard_error(toy: Path) -> None:
    (cell, *_) = plan(Request(methods=("toy",), tasks=("toy-task",), datasets=("toy-colours",), preset="smoke"))
    result = TaskResult()
    result.add("l1", np.array([0.0, 1.0]))
    result.add_whole("usage", 1.0, 2)
    values = measured(cell, torch.device("cpu"), result, {"test": 2}).metrics
    assert {name: value.error for name, value in values.items()} == {"l1": 0.5, "usage": None}
