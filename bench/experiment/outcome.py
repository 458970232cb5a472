"""Records of what came of a cell: skipped, failed or measured. All else in a record was planned with the cell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from bench.contracts.result import TaskResult
from bench.experiment.request import Cell
from bench.experiment.schedule import Failure
from bench.records.record import Record, now
from bench.registry import metric_of
from bench.system import fingerprint
from bench.system.environment import describe


def skipped(cell: Cell, device: torch.device) -> Record:
    """A record of a cell that is not run."""
    return _record(cell, device, status="skipped", reason=cell.skip)


def failed(failure: Failure, device: torch.device) -> Record:
    """A failed record."""
    return _record(failure.cell, device, status="failed", reason=failure.reason, traceback=failure.traceback)


def measured(cell: Cell, device: torch.device, result: TaskResult, used: Mapping[str, int]) -> Record:
    """A record with values, or of why there is none at all; used: images of each split."""
    values = {}
    for name, score in result.metrics.items():
        metric = metric_of(name)
        values[name] = score._asdict() | {"higher_is_better": metric.higher_is_better, "unit": metric.unit}
    return _record(
        cell,
        device,
        status="ok" if values else "skipped",
        reason=None if values else f"nothing could be measured: {_reasons(result)}",
        dataset=cell.data_used.model_copy(update={"used": dict(used)}),
        metrics=values,
        skipped=result.skipped,
        warnings=result.warnings,
        cost=result.cost,
    )


def _reasons(result: TaskResult) -> str:
    """Why metrics are missing, each reason once."""
    return "; ".join(dict.fromkeys(result.skipped.values())) or "the task gave no value and no reason"


def _record(cell: Cell, device: torch.device, **fields: Any) -> Record:
    """The record of a cell: what its plan says, and the fields of its outcome."""
    planned = {
        "key": cell.key,
        "kind": cell.kind,
        "method": cell.method_used,
        "task": cell.task.name,
        "dataset": cell.data_used,
        "seed": cell.seed,
        "head_seed": cell.head_seed,
        "preset": cell.preset,
        "text_encoder": cell.tokenizer.text_encoder if cell.tokenizer else None,
        "protocol": cell.protocol,
        "protocol_hash": fingerprint.of_value(cell.protocol)[:12],
        "code": cell.code,
        "env": describe(device),
        "created": now(),
    }
    return Record.model_validate(planned | fields)
