"""Run cells: get the tokenizer, encode the data set, evaluate the tasks, leave one record for each."""

from __future__ import annotations

import dataclasses
import json
import sys
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from bench.contracts.codes import Codes
from bench.contracts.data import Split
from bench.contracts.method import TextEncoder, Tokenizer
from bench.contracts.result import TaskResult
from bench.data.pixels.training_view import for_training
from bench.errors import BenchError
from bench.experiment.encode import encode_split
from bench.experiment.plan import ENCODE_CODE, Cell, Plugin, Training, budget_of, text_identity
from bench.experiment.train import History, train
from bench.presets import PRESETS
from bench.records import alarms
from bench.records.record import Record, now
from bench.records.store import RecordStore
from bench.registry import metric_facts
from bench.system import fingerprint
from bench.system.environment import describe, peak_memory_mib
from bench.system.files import whole_folder
from bench.system.progress import reporter
from bench.text import CaptionFeatures, load_text_encoder

UNTRAINED = "made elsewhere, from other data and with another budget: not on equal terms with what was trained here"
"""Warning for every record of a tokenizer that came ready-made."""


@dataclass(frozen=True)
class Place:
    """Where cells run and what they may touch. Folders are absolute: an engine may change the working directory."""

    results: Path
    cache: Path
    device: str
    fail_fast: bool = False


class Outcome(NamedTuple):
    """What a training leaves for every record of its tokenizer: its cost, and what looks wrong."""

    cost: dict[str, float]
    warnings: list[str]


def run_group(cells: list[Cell], place: Place) -> list[Record]:
    """Run cells that share one tokenizer (or are one blind baseline), each to a record that is stored and announced.

    What goes wrong in one cell becomes a failed record and the next one runs; where the tokenizer cannot be had,
    all cells of the group fail with that reason. With `fail_fast` the exception is raised after its record is written.
    """
    device = torch.device(place.device)
    records = [_finish(_record(cell, "skipped", device, reason=cell.skip), place) for cell in cells if cell.skip]
    to_run = [cell for cell in cells if not cell.skip]
    if not to_run:
        return records
    try:
        splits = load_splits(to_run[0].dataset, place.cache)
        codes, outcome = _codes(to_run[0].training, splits, place, device)
    except Exception as error:
        records += [_finish(_failed(cell, device, error), place) for cell in to_run]
        if place.fail_fast:
            raise
        return records
    for cell in to_run:
        try:
            record, result = _evaluate(cell, codes, splits, outcome, device)
            records.append(_finish(record, place, result))
        except Exception as error:
            records.append(_finish(_failed(cell, device, error), place))
            if place.fail_fast:
                raise
    return records


def load_splits(dataset: Plugin, cache: Path) -> dict[str, Split]:
    """All splits of a data set, prepared once under the cache, each with a folder for what is computed from it."""
    made = dataset.make()
    folder = cache / "derived" / fingerprint.of_value(dataset.content)[:20]
    return {name: dataclasses.replace(made.split(name, cache), cache=folder / name) for name in made.splits}


def caption_features(training: Training, split: Split, cache: Path, device: torch.device) -> CaptionFeatures | None:
    """The training captions as the frozen text encoder sees them, computed once for each data set and encoder."""
    if training.text_encoder is None:
        return None
    key = fingerprint.of_value([training.dataset.content, text_identity(training.text_encoder)])
    encoder = load_text_encoder(training.text_encoder, str(device))
    return CaptionFeatures.prepare(split, encoder, cache / "text" / key[:20])


def _codes(
    training: Training | None, splits: Mapping[str, Split], place: Place, device: torch.device
) -> tuple[dict[str, Codes] | None, Outcome]:
    """Codes of every split and how their training went; None for a blind baseline."""
    if training is None:
        return None, Outcome({}, [])
    label = f"{training.method.name} seed {training.seed}"
    tokenizer, outcome = _tokenizer(training, for_training(splits["train"], training.seed), place, device, label)
    key = fingerprint.of_value([training.key, fingerprint.of_code(ENCODE_CODE)])
    folder = place.cache / "codes" / key[:20]
    codes = {}
    for name, split in splits.items():
        codes[name] = encode_split(tokenizer, split, folder, device, reporter(label))
    return codes, outcome


def _tokenizer(
    training: Training, split: Split, place: Place, device: torch.device, label: str
) -> tuple[Tokenizer, Outcome]:
    """The trained tokenizer, from the cache where its key is there, and how its training went."""
    preset = PRESETS[training.preset]
    folder = place.cache / "tokenizers" / training.key
    text = _text_encoder(training, device)
    torch.manual_seed(training.seed)
    tokenizer = training.method.make().build(preset, training.dataset.name, text)
    if not folder.exists():
        if any(parameter.requires_grad for parameter in tokenizer.parameters()):
            features = caption_features(training, split, place.cache, device)
            history = train(tokenizer, split, features, preset, training.seed, device, reporter(label))
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
    return tokenizer, Outcome(cost, warnings + alarms.still_codebook(history_read["codebook_change"]))


def _text_encoder(training: Training, device: torch.device) -> TextEncoder | None:
    return load_text_encoder(training.text_encoder, str(device)) if training.text_encoder else None


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
    outcome: Outcome,
    device: torch.device,
) -> tuple[Record, TaskResult]:
    torch.manual_seed(cell.seed)
    started = time.perf_counter()
    result: TaskResult = cell.task.make().run(codes, splits, budget_of(cell.task, cell.preset), cell.seed, device)
    result.warnings += outcome.warnings
    result.warnings += [line for split in splits.values() for line in split.warnings]
    spent = (
        outcome.cost
        | result.cost
        | {"eval_s": time.perf_counter() - started, "peak_memory_mib": peak_memory_mib(device)}
    )
    if codes is not None and codes["test"].discrete:
        spent["tokens_per_image"] = float(codes["test"].array[0].size)
    used = {name: len(split) for name, split in splits.items()}
    return _record(cell, "ok", device, result=result, used=used, cost=spent), result


def _failed(cell: Cell, device: torch.device, error: Exception) -> Record:
    """A failed record; the traceback's tail is kept unless the error is one that explains itself."""
    tail = None if isinstance(error, BenchError) else "".join(traceback.format_exception(error)[-6:])
    return _record(cell, "failed", device, reason=f"{type(error).__name__}: {error}", tail=tail)


def _record(
    cell: Cell,
    status: str,
    device: torch.device,
    reason: str | None = None,
    tail: str | None = None,
    result: TaskResult | None = None,
    used: dict[str, int] | None = None,
    cost: dict[str, float] | None = None,
) -> Record:
    """The record of a cell; everything that determines its values is in it."""
    protocol = dict(cell.task.make().protocol()) | {"head": dataclasses.asdict(budget_of(cell.task, cell.preset))}
    if cell.training:
        used_method = cell.training.method
        method = {"arguments": used_method.identity, "control": used_method.make().control}
    else:
        method = {"arguments": {"kind": cell.task.entry.facts["blind"]}}
    places = {name for name, value in cell.dataset.arguments.items() if isinstance(value, Path)} | {"root", "cache"}
    data_arguments = {name: value for name, value in cell.dataset.arguments.items() if name not in places}
    return Record.model_validate(
        {
            "key": cell.key,
            "status": status,
            "reason": reason,
            "traceback": tail,
            "method": {"name": cell.method, **method},
            "task": cell.task.name,
            "dataset": {
                "name": cell.dataset.name,
                "fingerprint": cell.dataset.content[0],
                "arguments": data_arguments,
                "planned": data_arguments["limits"],
                "used": used or {},
            },
            "seed": cell.seed,
            "preset": cell.preset,
            "text_encoder": cell.training.text_encoder if cell.training else None,
            "protocol": protocol,
            "protocol_hash": fingerprint.of_value(protocol)[:12],
            "code": cell.code,
            "metrics": _measured(result) if result else {},
            "skipped": result.skipped if result else {},
            "warnings": result.warnings if result else [],
            "cost": cost or {},
            "env": describe(device),
            "created": now(),
        }
    )


def _measured(result: TaskResult) -> dict[str, dict[str, Any]]:
    return {
        name: {"value": float(score.value), "n": score.n} | metric_facts(name) for name, score in result.metrics.items()
    }


def _finish(record: Record, place: Place, result: TaskResult | None = None) -> Record:
    """Store a record with its files and say so on standard error."""
    stored = RecordStore(place.results).write(
        record, result.per_example | result.statistics if result else None, result.samples if result else None
    )
    print(stored.line(), file=sys.stderr, flush=True)
    return stored
