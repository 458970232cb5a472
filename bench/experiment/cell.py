"""Run cells: get the tokenizer, encode the data set, evaluate the tasks, leave one record for each."""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from bench.contracts.codes import Codes
from bench.contracts.data import Split
from bench.contracts.duties import check_declared, declared_by
from bench.contracts.method import TextEncoder, Tokenizer
from bench.contracts.result import TaskResult
from bench.contracts.task import Work
from bench.experiment.encode import check_tokenizer, encode_split
from bench.experiment.outcome import failed, measured, skipped
from bench.experiment.plan import ENCODE_CODE, budget_of, text_identity
from bench.experiment.request import Cell, Configured, TokenizerPlan
from bench.experiment.train import History, train
from bench.presets import PRESETS
from bench.records import alarms
from bench.records.record import Record
from bench.records.store import RecordStore
from bench.registry import metrics
from bench.system import fingerprint
from bench.system.environment import peak_memory_mib
from bench.system.files import whole_folder
from bench.system.progress import reporter
from bench.text.caption_features import CaptionFeatures
from bench.text.load import load_text_encoder

UNTRAINED = "made elsewhere, from other data and with another budget: not on equal terms with what was trained here"
"""Warning for every record of a tokenizer that came ready-made."""


@dataclass(frozen=True)
class Place:
    """Where cells run and what they may touch. Folders are absolute: an engine may change the working directory."""

    results: Path
    cache: Path
    device: str
    fail_fast: bool = False


class TrainingReport(NamedTuple):
    """What a training leaves for every record of its tokenizer: its cost, and what looks wrong."""

    cost: dict[str, float]
    warnings: list[str]


def run_group(cells: list[Cell], place: Place) -> list[Record]:
    """Run cells that share one tokenizer (or are one blind baseline), each to a record that is stored and announced.

    What goes wrong in one cell becomes a failed record and the next one runs; where the tokenizer cannot be had,
    all cells of the group fail with that reason. With `fail_fast` the exception is raised after its record is written.
    """
    device = torch.device(place.device)
    records = [_finish(skipped(cell, device), place) for cell in cells if cell.skip]
    to_run = [cell for cell in cells if not cell.skip]
    if not to_run:
        return records
    try:
        splits = load_splits(to_run[0].dataset, place.cache)
        codes, report = _codes(to_run[0].tokenizer, splits, place, device)
    except Exception as error:
        records += [_finish(failed(cell, device, error), place) for cell in to_run]
        if place.fail_fast:
            raise
        return records
    for cell in to_run:
        try:
            record, result = _evaluate(cell, codes, splits, report, device)
            records.append(_finish(record, place, result))
        except Exception as error:
            records.append(_finish(failed(cell, device, error), place))
            if place.fail_fast:
                raise
    return records


def load_splits(dataset: Configured, cache: Path) -> dict[str, Split]:
    """All splits of a data set, prepared once under the cache, each with a folder for what is computed from it."""
    folder, plugin = cache / "derived" / fingerprint.of_value(dataset.content)[:20], dataset.plugin
    return {name: dataclasses.replace(plugin.split(name, cache), cache=folder / name) for name in plugin.splits}


def caption_features(plan: TokenizerPlan, split: Split, cache: Path, device: torch.device) -> CaptionFeatures | None:
    """The training captions as the frozen text encoder sees them, computed once for each data set and encoder."""
    if plan.text_encoder is None:
        return None
    key = fingerprint.of_value([plan.dataset.content, text_identity(plan.text_encoder)])
    encoder = load_text_encoder(plan.text_encoder, str(device))
    return CaptionFeatures.prepare(split, encoder, cache / "text" / key[:20])


def _codes(
    plan: TokenizerPlan | None, splits: Mapping[str, Split], place: Place, device: torch.device
) -> tuple[dict[str, Codes] | None, TrainingReport]:
    """Codes of every split and how their training went; None for a blind baseline."""
    if plan is None:
        return None, TrainingReport({}, [])
    label = f"{plan.method.name} seed {plan.seed}"
    tokenizer, report = _tokenizer(plan, splits["train"], place, device, label)
    key = fingerprint.of_value([plan.key, fingerprint.of_code(ENCODE_CODE)])
    folder = place.cache / "codes" / key[:20]
    codes = {}
    for name, split in splits.items():
        codes[name] = encode_split(tokenizer, split, folder, device, reporter(label))
    return codes, report


def _tokenizer(
    plan: TokenizerPlan, split: Split, place: Place, device: torch.device, label: str
) -> tuple[Tokenizer, TrainingReport]:
    """The trained tokenizer, from the cache where its key is there, and how its training went."""
    preset = PRESETS[plan.preset]
    folder = place.cache / "tokenizers" / plan.key
    text = _text_encoder(plan, device)
    torch.manual_seed(plan.seed)
    tokenizer = plan.method.make().build(preset, plan.dataset.name, text)
    check_tokenizer(tokenizer, plan.method.name, preset)
    if not folder.exists():
        if any(parameter.requires_grad for parameter in tokenizer.parameters()):
            features = caption_features(plan, split, place.cache, device)
            history = train(tokenizer, split, features, preset, plan.seed, device, reporter(label))
        else:
            history = History(parameters=sum(parameter.numel() for parameter in tokenizer.parameters()))
        _save(tokenizer, history.as_dict(), folder)
    tokenizer.load_state_dict(load_file(folder / "tokenizer.safetensors"), strict=True)
    tokenizer.to(device).eval()
    history_read = json.loads((folder / "training.json").read_text())
    cost = {
        "train_s": history_read["seconds"],
        "train_images_per_s": history_read["images_per_s"],
        "parameters": history_read["parameters"],
    }
    warnings = [] if history_read["steps"] else [UNTRAINED]
    warnings += alarms.saturated_discriminator(history_read["losses"])
    return tokenizer, TrainingReport(cost, warnings + alarms.still_codebook(history_read["codebook_change"]))


def _text_encoder(plan: TokenizerPlan, device: torch.device) -> TextEncoder | None:
    return load_text_encoder(plan.text_encoder, str(device)) if plan.text_encoder else None


def _save(tokenizer: nn.Module, history: dict[str, object], folder: Path) -> None:
    """Write a folder that is there whole or not at all."""
    with whole_folder(folder) as scratch:
        state = {name: value.detach().cpu().contiguous() for name, value in tokenizer.state_dict().items()}
        save_file(state, scratch / "tokenizer.safetensors")
        (scratch / "training.json").write_text(json.dumps(history))


def _evaluate(
    cell: Cell,
    codes: Mapping[str, Codes] | None,
    splits: Mapping[str, Split],
    report: TrainingReport,
    device: torch.device,
) -> tuple[Record, TaskResult]:
    torch.manual_seed(cell.seed)
    started = time.perf_counter()
    result: TaskResult = cell.task.make().run(Work(codes, splits, budget_of(cell.task, cell.preset), cell.seed, device))
    declared = [*declared_by(cell.task.entry), *(entry.name for entry in metrics.entries() if entry.from_outside)]
    for name in (*result.metrics, *result.skipped):
        check_declared(name, declared, f"task {cell.task.name!r}")
    result.warnings += report.warnings
    result.warnings += [line for split in splits.values() for line in split.warnings]
    result.cost = report.cost | result.cost
    result.cost |= {"eval_s": time.perf_counter() - started, "peak_memory_mib": peak_memory_mib(device)}
    if codes is not None and codes["test"].discrete:
        result.cost["tokens_per_image"] = float(codes["test"].array[0].size)
    return measured(cell, device, result, {name: len(split) for name, split in splits.items()}), result


def _finish(record: Record, place: Place, result: TaskResult | None = None) -> Record:
    """Store a record with its files and say so on standard error."""
    stored = RecordStore(place.results).write(
        record, result.per_example | result.statistics if result else None, result.samples if result else None
    )
    print(stored.line(), file=sys.stderr, flush=True)
    return stored
