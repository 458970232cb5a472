"""What a job does, in a process of its own: prepare data, train a tokenizer, encode, evaluate one cell."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from bench.contracts.codes import Codes
from bench.contracts.data import Split
from bench.contracts.duties import check_declared, declared_by
from bench.contracts.method import TextEncoder, Tokenizer
from bench.contracts.result import TaskResult
from bench.contracts.task import Work
from bench.experiment.encode import check_tokenizer, encode_split
from bench.experiment.history import History
from bench.experiment.jobs import Job, Stage, codes_folder, tokenizer_folder
from bench.experiment.outcome import measured
from bench.experiment.place import Place
from bench.experiment.plan import text_identity
from bench.experiment.request import Cell, Configured, TokenizerPlan
from bench.experiment.train import train
from bench.records import alarms
from bench.records.record import Record
from bench.records.store import RecordStore
from bench.registry import metrics
from bench.system import fingerprint
from bench.system.environment import peak_memory_mib
from bench.system.kept import kept_folder
from bench.system.progress import reporter
from bench.text.caption_features import CaptionFeatures
from bench.text.load import load_text_encoder

UNTRAINED = "made elsewhere, from other data and with another budget: not on equal terms with what was trained here"
"""Warning for every record of a tokenizer that came ready-made."""


def perform(job: Job, place: Place) -> Record | None:
    """Do a job; the record that it leaves, or None where it is no cell.

    Raises:
        Exception: whatever goes wrong in it.
    """
    torch.set_num_threads(job.threads)
    device = torch.device(place.device)
    if device.type == "cuda" and job.gpu < 1:
        torch.cuda.set_per_process_memory_fraction(job.gpu)
    return STAGES[job.stage](job.cell, place, device)


def load_splits(dataset: Configured, cache: Path) -> dict[str, Split]:
    """All splits of a data set, prepared once under the cache, each with a folder for what is computed from it."""
    folder, plugin = cache / "derived" / fingerprint.of_value(dataset.content)[:20], dataset.plugin
    return {name: dataclasses.replace(plugin.split(name, cache), cache=folder / name) for name in plugin.splits}


def _prepare(cell: Cell, place: Place, device: torch.device) -> None:  # noqa: ARG001 - data are prepared on the CPU
    load_splits(cell.dataset, place.cache)


def _read_captions(cell: Cell, place: Place, device: torch.device) -> None:
    assert cell.tokenizer is not None
    _caption_features(cell.tokenizer, load_splits(cell.dataset, place.cache)["train"], place.cache, device)


def _train(cell: Cell, place: Place, device: torch.device) -> None:
    assert cell.tokenizer is not None
    _tokenizer(cell.tokenizer, load_splits(cell.dataset, place.cache)["train"], place, device)


def _encode(cell: Cell, place: Place, device: torch.device) -> None:
    assert cell.tokenizer is not None
    splits = load_splits(cell.dataset, place.cache)
    tokenizer, _ = _tokenizer(cell.tokenizer, splits["train"], place, device)
    _codes(cell.tokenizer, tokenizer, splits, place, device)


def _evaluate(cell: Cell, place: Place, device: torch.device) -> Record:
    """Run a cell's task and write its record."""
    splits = load_splits(cell.dataset, place.cache)
    codes, history = None, None
    if cell.tokenizer is not None:
        tokenizer, history = _tokenizer(cell.tokenizer, splits["train"], place, device)
        codes = _codes(cell.tokenizer, tokenizer, splits, place, device)
    torch.manual_seed(cell.seed)
    started = time.perf_counter()
    result: TaskResult = cell.task.make().run(Work(codes, splits, cell.budget, cell.seed, device))
    declared = [*declared_by(cell.task.entry), *(entry.name for entry in metrics.entries() if entry.from_outside)]
    for name in (*result.metrics, *result.skipped):
        check_declared(name, declared, f"task {cell.task.name!r}")
    result.warnings += [] if history is None else _warnings(history)
    result.warnings += [line for split in splits.values() for line in split.warnings]
    result.cost = ({} if history is None else _cost(history)) | result.cost
    result.cost |= {"eval_s": time.perf_counter() - started, "peak_memory_mib": peak_memory_mib(device)}
    if codes is not None and codes["test"].discrete:
        result.cost["tokens_per_image"] = float(codes["test"].array[0].size)
    record = measured(cell, device, result, {name: len(split) for name, split in splits.items()})
    return RecordStore(place.results).write(record, result.per_example | result.statistics, result.samples)


STAGES: Mapping[Stage, Callable[[Cell, Place, torch.device], Record | None]] = {
    "data": _prepare,
    "text": _read_captions,
    "training": _train,
    "codes": _encode,
    "cell": _evaluate,
}


def _caption_features(plan: TokenizerPlan, split: Split, cache: Path, device: torch.device) -> CaptionFeatures | None:
    """The training captions as the frozen text encoder sees them, computed once for each data set and encoder."""
    if plan.text_encoder is None:
        return None
    key = fingerprint.of_value([plan.dataset.content, text_identity(plan.text_encoder)])
    encoder = load_text_encoder(plan.text_encoder, str(device))
    return CaptionFeatures.prepare(split, encoder, cache / "text" / key[:20])


def _tokenizer(plan: TokenizerPlan, split: Split, place: Place, device: torch.device) -> tuple[Tokenizer, History]:
    """The trained tokenizer, from the cache where its key is there, and how its training went."""
    text = _text_encoder(plan, device)
    torch.manual_seed(plan.seed)
    tokenizer = plan.method.make().build(plan.preset, plan.dataset.name, text)
    check_tokenizer(tokenizer, plan.method.name, plan.preset)

    def fill(folder: Path) -> None:
        if any(parameter.requires_grad for parameter in tokenizer.parameters()):
            features = _caption_features(plan, split, place.cache, device)
            history = train(tokenizer, split, features, plan.preset, plan.seed, device, reporter(plan.method.name))
        else:
            history = History(parameters=sum(parameter.numel() for parameter in tokenizer.parameters()))
        state = {name: value.detach().cpu().contiguous() for name, value in tokenizer.state_dict().items()}
        save_file(state, folder / "tokenizer.safetensors")
        (folder / "training.json").write_text(json.dumps(history.as_dict()))

    def read(folder: Path) -> History:
        tokenizer.load_state_dict(load_file(folder / "tokenizer.safetensors"), strict=True)
        return History(**json.loads((folder / "training.json").read_text()))

    history = kept_folder(tokenizer_folder(plan, place.cache), fill, read)
    return tokenizer.to(device).eval(), history


def _codes(
    plan: TokenizerPlan, tokenizer: Tokenizer, splits: Mapping[str, Split], place: Place, device: torch.device
) -> dict[str, Codes]:
    folder = codes_folder(plan, place.cache)
    report = reporter(plan.method.name)
    return {name: encode_split(tokenizer, split, folder, device, report) for name, split in splits.items()}


def _cost(history: History) -> dict[str, float]:
    return {
        "train_s": history.seconds,
        "train_images_per_s": history.images_per_s,
        "parameters": history.parameters,
    }


def _warnings(history: History) -> list[str]:
    warnings = [] if history.steps else [UNTRAINED]
    warnings += alarms.saturated_discriminator(history.losses)
    return warnings + alarms.still_codebook(history.codebook_change)


def _text_encoder(plan: TokenizerPlan, device: torch.device) -> TextEncoder | None:
    return load_text_encoder(plan.text_encoder, str(device)) if plan.text_encoder else None
