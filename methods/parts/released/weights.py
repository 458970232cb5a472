"""Weights of a released tokenizer, from a file that is never trusted: safetensors, or a checkpoint of plain values."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

from bench.errors import DataError
from bench.methods.parts.released.folder import INDEX

INERT = ("pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint", "argparse.Namespace")
"""Classes that checkpoints name beside their weights: a key of old Lightning's callbacks, LlamaGen's arguments."""

PLACES = ("state_dict", "ema", "model")
"""Where a checkpoint has its weights: Lightning's first, then LlamaGen's, whose `ema` is the moving average."""

AVERAGES = "model_ema."
"""Before the names of moving averages in checkpoints of latent-diffusion and SEED-Voken, which have lost their dots."""

COUNTERS = ("decay", "num_updates")
"""What stands beside those averages."""

IN_MODEL = ("model.vqmodel.", "vqmodel.")
"""Before the names of a tokenizer's weights among those of a whole model of transformers."""

NO_PART = ("loss.", "inception_model.", "lpips_vgg.", "lpips_alex.")
"""Weights of training or measuring that come with a tokenizer's: discriminators, perceptual distances."""


class Weights(NamedTuple):
    """A tokenizer's weights by name, and whether they are moving averages."""

    state: dict[str, Tensor]
    averaged: bool


class Inert:
    """Stands in for a class of `INERT`: there is no code in it to run, and nothing reads what it holds."""


def read_weights(path: Path) -> Weights:
    """A tokenizer's weights; of a checkpoint that has moving averages too, those, as its authors measure them.

    Raises:
        DataError: the file is missing, damaged or holds something else, or wants code to run, which is refused.
    """
    read = _read_parts if path.name.endswith(INDEX) else READERS.get(path.suffix)
    if read is None:
        raise DataError(f"{path}: none of {', '.join(READERS)}")
    try:
        found, averaged = read(path)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from error
    if not isinstance(found, dict):
        raise DataError(f"{path}: holds no state_dict")
    if not all(isinstance(name, str) and _is_plain(value) for name, value in found.items()):
        raise DataError(f"{path}: its state_dict holds more than named tensors")
    state = {name: value for name, value in found.items() if not name.startswith(NO_PART)}
    if any(name.startswith(AVERAGES) for name in state):
        return Weights(_averages(state, path), averaged=True)
    return Weights(state, averaged)


def cut(state: Mapping[str, Tensor], prefixes: tuple[str, ...], sign: str) -> dict[str, Tensor]:
    """The weights under the first of the prefixes that has one called `sign`, without it; all if none has."""
    for prefix in prefixes:
        if prefix + sign in state:
            return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
    return dict(state)


def find_mismatch(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> str | None:
    """The first reason why weights do not fit the network that a configuration describes, or None."""
    lacking, unknown = sorted(wanted.keys() - state.keys()), sorted(state.keys() - wanted.keys())
    if lacking or unknown:
        return f"weights and configuration differ: lacks {lacking[:1] or 'none'}, unknown {unknown[:1] or 'none'}"
    wrong = [name for name in wanted if state[name].shape != wanted[name].shape]
    if wrong:
        name = wrong[0]
        return f"{name} has shape {list(state[name].shape)}, by its configuration {list(wanted[name].shape)}"
    return None


def _averages(state: Mapping[str, Tensor], path: Path) -> dict[str, Tensor]:
    """Every weight's moving average, under the weight's own name."""
    averages = {name.removeprefix(AVERAGES): value for name, value in state.items() if name.startswith(AVERAGES)}
    names = {name.replace(".", ""): name for name in state if not name.startswith(AVERAGES)}
    lacking = sorted(names.keys() - averages.keys())
    unknown = sorted(
        name for name in averages.keys() - names.keys() if not name.startswith("loss") and name not in COUNTERS
    )
    if lacking or unknown:
        has = f"lacks {[names[name] for name in lacking[:1]] or 'none'}, unknown {unknown[:1] or 'none'}"
        raise DataError(f"{path}: its moving averages are not those of its weights: {has}")
    return {name: averages[short] for short, name in names.items()}


def _is_plain(value: object) -> bool:
    """Whether it is a tensor whose numbers are all there: one may claim any shape over the same few bytes."""
    return (
        isinstance(value, Tensor)
        and value.layout is torch.strided
        and not (value.is_quantized or value.is_meta)
        and value.untyped_storage().nbytes() >= value.numel() * value.element_size()
    )


def _read_checkpoint(path: Path) -> tuple[Any, bool]:
    with torch.serialization.safe_globals([(Inert, name) for name in INERT]):
        try:
            checkpoint = torch.load(path, map_location="cpu", weights_only=True)
        except OSError:
            raise
        except Exception as error:  # of any type: it is what the bytes make the reader stumble over
            asked = re.search(r"GLOBAL (\S+)", str(error))
            wants = f": it asks for {asked[1]}, and no code of a checkpoint is run" if asked else ""
            raise DataError(f"{path}: not a checkpoint of plain values and tensors{wants}") from error
    if not isinstance(checkpoint, dict):
        return None, False
    for place in PLACES:
        if place in checkpoint:
            return checkpoint[place], place == "ema"
    return (checkpoint if checkpoint and all(map(_is_plain, checkpoint.values())) else None), False


def _read_safetensors(path: Path) -> tuple[Any, bool]:
    try:
        return load_file(path), False
    except SafetensorError as error:
        raise DataError(f"{path}: damaged, or not safetensors: {error}") from error


def _read_parts(index: Path) -> tuple[Any, bool]:
    """The weights of a model in parts that lie beside the index; of a whole model those of its tokenizer alone."""
    try:
        places = {str(name): str(place) for name, place in json.loads(index.read_bytes())["weight_map"].items()}
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError) as error:
        raise DataError(f"{index}: no index of a model's parts: {error!r:.100}") from error
    outside = [place for place in places.values() if Path(place).name != place]
    if outside:
        raise DataError(f"{index}: names {outside[0]!r:.100}, which is not in its folder")
    names = [name for name in places if name.startswith(IN_MODEL)] or list(places)
    state: dict[str, Tensor] = {}
    for place in sorted({places[name] for name in names}):
        try:
            with safe_open(index.parent / place, "pt") as part:
                state |= {name: part.get_tensor(name) for name in names if places[name] == place}
        except SafetensorError as error:
            raise DataError(f"{index.parent / place}: damaged, or lacks what {index.name} names: {error}") from error
    return state, False


READERS = {
    ".safetensors": _read_safetensors,
    ".ckpt": _read_checkpoint,
    ".pt": _read_checkpoint,
    ".pth": _read_checkpoint,
    ".bin": _read_checkpoint,
}
