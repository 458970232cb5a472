"""How much of a GPU a job gets, from the memory that jobs like it were measured to take."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

import torch

from bench.experiment.jobs import Job
from bench.records.record import Record

SPARE = 1.3
"""Memory given over memory measured: the allocator's peak leaves out CUDA's own context and libraries."""


def packed(jobs: Mapping[str, Job], share: float | None, records: Iterable[Record]) -> dict[str, Job]:
    """The jobs with their shares of a GPU.

    Args:
        share: what the user asked for, of every job; None: what was measured.
        records: of earlier runs. A job whose method and task were measured under the same preset on a GPU of this kind
            gets what they took at most; any other gets a whole GPU.
    """
    if share is not None:
        return {key: dataclasses.replace(job, gpu=share) for key, job in jobs.items()}
    gpu = torch.cuda.get_device_properties(0)
    measured: dict[tuple[str, str, str], float] = {}
    for record in records:
        if record.env.get("device") == gpu.name:
            for work, cost in (("training", "train_peak_memory_mib"), (record.task, "peak_memory_mib")):
                like = (record.preset, record.method.name, work)
                measured[like] = max(measured.get(like, 0.0), record.cost.get(cost, 0.0))
    total = gpu.total_memory / 2**20
    return {key: dataclasses.replace(job, gpu=_share(job, measured, total)) for key, job in jobs.items()}


def _share(job: Job, measured: Mapping[tuple[str, str, str], float], total: float) -> float:
    work = job.cell.task.name if job.stage == "cell" else "training"
    peak = measured.get((job.cell.preset, job.cell.method, work), 0.0)
    return min(1.0, max(0.01, round(SPARE * peak / total, 2))) if peak and job.devices == 1 else 1.0
