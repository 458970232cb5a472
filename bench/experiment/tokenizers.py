"""A trained tokenizer and its codes: from the cache, or made and kept there."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from bench.contracts.codes import Codes
from bench.contracts.data import Split
from bench.contracts.method import TextEncoder, Tokenizer
from bench.errors import BenchError
from bench.experiment.encode import check_tokenizer, encode_split
from bench.experiment.history import History
from bench.experiment.jobs import codes_folder, tokenizer_folder
from bench.experiment.place import Setup, edited
from bench.experiment.plan import text_identity
from bench.experiment.request import Configured, TokenizerPlan
from bench.experiment.train import train
from bench.experiment.training_log import TrainingLog
from bench.system import fingerprint, progress
from bench.system.checkpoint import Checkpoint
from bench.system.environment import peak_memory_mib
from bench.system.kept import kept_folder
from bench.system.launch import launch
from bench.text.caption_features import CaptionFeatures
from bench.text.load import load_text_encoder


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


def trained(plan: TokenizerPlan, setup: Setup, device: torch.device) -> tuple[Tokenizer, History]:
    """The tokenizer, trained unless it is kept from before, and how its training went."""
    cache = setup.place.cache
    fill = partial(_fill, plan, setup, progress.file())
    history = kept_folder(tokenizer_folder(plan, cache), fill, _history)
    _checkpoint(plan, setup).clear()
    tokenizer = _build(plan, device)
    tokenizer.load_state_dict(load_file(tokenizer_folder(plan, cache) / "tokenizer.safetensors"), strict=True)
    return tokenizer.to(device).eval(), history


def codes_of(
    plan: TokenizerPlan, tokenizer: Tokenizer, splits: Mapping[str, Split], setup: Setup, device: torch.device
) -> dict[str, Codes]:
    """The codes of every split."""
    folder = codes_folder(plan, setup.place.cache)
    report = progress.reporter(plan.method.name)
    return {name: encode_split(tokenizer, split, folder, device, report) for name, split in splits.items()}


def _build(plan: TokenizerPlan, device: torch.device) -> Tokenizer:
    """A new tokenizer, held to its contract."""
    text: TextEncoder | None = load_text_encoder(plan.text_encoder, str(device)) if plan.text_encoder else None
    torch.manual_seed(plan.seed)
    tokenizer: Tokenizer = plan.method.make().build(plan.preset, plan.dataset.name, text)
    check_tokenizer(tokenizer, plan.method.name, plan.preset)
    return tokenizer


def _checkpoint(plan: TokenizerPlan, setup: Setup) -> Checkpoint:
    return Checkpoint(setup.place.cache / "checkpoints" / plan.key, setup.place.checkpoint_minutes)


def _fill(plan: TokenizerPlan, setup: Setup, report: Path | None, folder: Path) -> None:
    launch(partial(_train, plan, setup, report, folder), plan.devices, setup.place.device)


def _train(plan: TokenizerPlan, setup: Setup, report: Path | None, folder: Path, rank: int) -> None:
    """Train on one of the devices; the first writes the tokenizer into the folder.

    Raises:
        BenchError: this is a new process, and the code was edited since the run was planned.
    """
    if plan.devices > 1 and (file := edited(setup.code)) is not None:
        raise BenchError(f"{file} or a file that it uses was edited since the run began; run the same command again")
    if rank == 0:
        progress.report_into(report)
    device = torch.device(setup.place.device)
    tokenizer = _build(plan, device)
    if any(parameter.requires_grad for parameter in tokenizer.parameters()):
        split = load_splits(plan.dataset, setup.place.cache)["train"]
        features = caption_features(plan, split, setup.place.cache, device)
        history = train(
            tokenizer,
            split,
            features,
            plan.preset,
            plan.seed,
            device,
            progress.reporter(plan.method.name),
            _checkpoint(plan, setup),
            _log(plan, setup) if rank == 0 else None,
        )
        history.peak_memory_mib = peak_memory_mib(device)
    else:
        history = History(parameters=sum(parameter.numel() for parameter in tokenizer.parameters()))
    if rank == 0:
        state = {name: value.detach().cpu().contiguous() for name, value in tokenizer.state_dict().items()}
        save_file(state, folder / "tokenizer.safetensors")
        (folder / "training.json").write_text(json.dumps(history.as_dict()))


def _log(plan: TokenizerPlan, setup: Setup) -> TrainingLog | None:
    if not setup.place.tensorboard:
        return None
    name = f"{plan.dataset.name}-{plan.method.name}-seed{plan.seed}-{plan.key[:8]}"
    return TrainingLog(setup.place.cache / "tensorboard" / name)


def _history(folder: Path) -> History:
    return History(**json.loads((folder / "training.json").read_text()))
