"""What a job does, in a process of its own: prepare data, train a tokenizer, encode, evaluate one cell."""

from __future__ import annotations

import io
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch

from bench.contracts.codes import Codes
from bench.contracts.duties import check_declared, declared_by
from bench.contracts.result import TaskResult
from bench.contracts.task import Work
from bench.experiment.history import History
from bench.experiment.jobs import Job, Stage
from bench.experiment.outcome import measured
from bench.experiment.place import Setup
from bench.experiment.request import Cell
from bench.experiment.tokenizers import caption_features, codes_of, load_splits, trained
from bench.records import alarms
from bench.records.record import Record
from bench.records.store import RecordStore
from bench.registry import metrics
from bench.system.checkpoint import Checkpoint
from bench.system.environment import peak_memory_mib
from bench.system.files import write_atomic

NUMBERS = ".json"
"""Ending of samples that hold numbers alone; see `TaskResult`."""
UNTRAINED = "made elsewhere, from other data and with another budget: not on equal terms with what was trained here"
"""Warning for every record of a tokenizer that came ready-made."""


def perform(job: Job, setup: Setup) -> Record | None:
    """Do a job; the record that it leaves, or None where it is no cell.

    Raises:
        Exception: whatever goes wrong in it.
    """
    torch.set_num_threads(job.threads)
    device = torch.device(setup.place.device)
    if device.type == "cuda" and job.gpu < 1:
        torch.cuda.set_per_process_memory_fraction(job.gpu)
    return STAGES[job.stage](job.cell, setup, device)


def _prepare(cell: Cell, setup: Setup, device: torch.device) -> None:  # noqa: ARG001 - data are prepared on the CPU
    load_splits(cell.dataset, setup.place.cache)


def _read_captions(cell: Cell, setup: Setup, device: torch.device) -> None:
    assert cell.tokenizer is not None
    cache = setup.place.cache
    caption_features(cell.tokenizer, load_splits(cell.dataset, cache)["train"], cache, device)


def _train(cell: Cell, setup: Setup, device: torch.device) -> None:
    assert cell.tokenizer is not None
    trained(cell.tokenizer, setup, device)


def _encode(cell: Cell, setup: Setup, device: torch.device) -> None:
    assert cell.tokenizer is not None
    tokenizer, _ = trained(cell.tokenizer, setup, device)
    codes_of(cell.tokenizer, tokenizer, load_splits(cell.dataset, setup.place.cache), setup, device)


def _evaluate(cell: Cell, setup: Setup, device: torch.device) -> Record:
    """Run a cell's task and write its record."""
    splits = load_splits(cell.dataset, setup.place.cache)
    codes, history = None, None
    if cell.tokenizer is not None:
        tokenizer, history = trained(cell.tokenizer, setup, device)
        codes = codes_of(cell.tokenizer, tokenizer, splits, setup, device)
    warning = cell.tokenizer.method.plugin.warning if cell.tokenizer else ""
    checkpoint = Checkpoint(setup.place.cache / "checkpoints" / cell.key, setup.place.checkpoint_minutes)
    torch.manual_seed(cell.head_seed)
    started = time.perf_counter()
    losses = {} if history is None else history.losses
    work = Work(codes, splits, cell.budget, cell.head_seed, device, checkpoint, losses)
    result: TaskResult = cell.task.make().run(work)
    declared = [*declared_by(cell.task.entry), *(entry.name for entry in metrics.entries() if entry.from_outside)]
    for name in (*result.metrics, *result.skipped):
        check_declared(name, declared, f"task {cell.task.name!r}")
    result.warnings += [warning] if warning else []
    result.warnings += [] if history is None else _warnings(history)
    result.warnings += [line for split in splits.values() for line in split.warnings]
    result.cost = ({} if history is None else _cost(history)) | result.cost
    result.cost |= {"eval_s": time.perf_counter() - started, "peak_memory_mib": peak_memory_mib(device)}
    if codes is not None and codes["test"].discrete:
        result.cost |= _rate(codes["test"])
    record = measured(cell, device, result, {name: len(split) for name, split in splits.items()})
    if result.statistics:
        _keep(setup.place.cache / "statistics" / f"{cell.key}.npz", result.statistics)
    samples = result.samples
    if not cell.dataset.plugin.redistributable:
        _keep_samples(setup.place.cache / "samples" / cell.key, samples)
        samples = {name: content for name, content in samples.items() if name.endswith(NUMBERS)}
    stored = RecordStore(setup.place.results).write(record, result.per_example, samples)
    checkpoint.clear()
    return stored


STAGES: Mapping[Stage, Callable[[Cell, Setup, torch.device], Record | None]] = {
    "data": _prepare,
    "text": _read_captions,
    "training": _train,
    "codes": _encode,
    "cell": _evaluate,
}


def _keep(path: Path, statistics: Mapping[str, np.ndarray]) -> None:
    """Keep what distances were computed from in the cache: it is ten times as much as all else in a record."""
    packed = io.BytesIO()
    arrays = {name: values.astype(np.float32) for name, values in statistics.items()}
    np.savez_compressed(packed, **arrays)  # type: ignore[arg-type]  # of its options
    write_atomic(path, packed.getvalue())


def _keep_samples(folder: Path, samples: Mapping[str, bytes | str]) -> None:
    """Keep what shows images and texts in the cache, where it can be looked at: records are made to be handed on."""
    for name, content in samples.items():
        write_atomic(folder / name, content.encode() if isinstance(content, str) else content)


def _rate(codes: Codes) -> dict[str, float]:
    """What an image's codes take: codes, positions of the grid, nominal bits (log2 K for each code) at a position."""
    tokens, positions = codes.array[0].size, math.prod(codes.grid)
    bits = math.log2(codes.codebook.shape[-2]) * tokens / positions
    return {"tokens_per_image": float(tokens), "positions_per_image": float(positions), "bits_per_position": bits}


def _cost(history: History) -> dict[str, float]:
    return {
        "train_s": history.seconds,
        "train_images_per_s": history.images_per_s,
        "train_peak_memory_mib": history.peak_memory_mib,
        "parameters": history.parameters,
    }


def _warnings(history: History) -> list[str]:
    warnings = [] if history.steps else [UNTRAINED]
    warnings += alarms.saturated_discriminator(history.losses)
    return warnings + alarms.still_codebook(history.codebook_change)
