"""Files of taming-transformers: a tokenizer's yaml, and its weights from a checkpoint that is never trusted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
import yaml
from pydantic import BaseModel, Field, PositiveInt, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from bench.errors import DataError

CALLBACK = "pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint"
"""A class that checkpoints of old Lightning name as the key of a callback's state."""

GUMBEL = "quantize.proj.weight"
"""A weight that taming's `GumbelVQ` has and its `VQModel` has not."""


class Sizes(BaseModel):
    """The yaml's `ddconfig`: those arguments of taming's encoder and decoder that shape them."""

    ch: Annotated[int, Field(gt=0, multiple_of=32)]  # taming normalises in 32 groups
    ch_mult: Annotated[list[PositiveInt], Field(min_length=1)]
    num_res_blocks: PositiveInt
    attn_resolutions: list[int]
    resolution: PositiveInt
    z_channels: PositiveInt
    in_channels: Literal[3]
    out_ch: Literal[3]
    double_z: Literal[False]
    resamp_with_conv: bool = True


class Parameters(BaseModel):
    """The yaml's `model.params`. embed_dim: width D of a code. n_embed: number K of codes. ddconfig: see `Sizes`."""

    embed_dim: PositiveInt
    n_embed: PositiveInt
    ddconfig: Sizes


class Model(BaseModel):
    """The yaml's `model`."""

    params: Parameters


class Config(BaseModel):
    """A yaml of taming's; what it says of the training is not read."""

    model: Model


class Inert:
    """Stands in for `CALLBACK`: there is no code in it to run, and nothing reads what it is the key of."""


def read_config(path: Path) -> Parameters:
    """What a yaml says of its model.

    Raises:
        DataError: it is missing, not yaml, not a mapping, or lacks a key.
    """
    try:
        values = yaml.safe_load(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: not yaml: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise DataError(f"{path}: not a mapping")
    try:
        return Config.model_validate(values).model.params
    except ValidationError as error:
        first = error.errors()[0]
        raise DataError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg'].lower()}") from error


def read_weights(path: Path) -> dict[str, Tensor]:
    """A tokenizer's weights by name. `loss.*`, discriminator and perceptual distance, is no part of it and left out.

    Raises:
        DataError: the file is missing, damaged or holds something else, or wants code to run, which is refused.
    """
    if path.suffix not in READERS:
        raise DataError(f"{path}: neither {' nor '.join(READERS)}")
    try:
        state = READERS[path.suffix](path)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from error
    if not isinstance(state, dict):
        raise DataError(f"{path}: holds no state_dict")
    if not all(isinstance(name, str) and isinstance(value, Tensor) for name, value in state.items()):
        raise DataError(f"{path}: its state_dict holds more than named tensors")
    return {name: value for name, value in state.items() if not name.startswith("loss.")}


def find_mismatch(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> str | None:
    """The first reason why weights do not fit the network that a yaml describes, or None."""
    if GUMBEL in state:
        return "a checkpoint of GumbelVQ; only those of VQModel are read"
    lacking, unknown = sorted(wanted.keys() - state.keys()), sorted(state.keys() - wanted.keys())
    if lacking or unknown:
        return f"its weights are not those of its yaml: lacks {lacking[:1] or 'none'}, unknown {unknown[:1] or 'none'}"
    wrong = [name for name in wanted if state[name].shape != wanted[name].shape]
    if wrong:
        name = wrong[0]
        return f"{name} has shape {list(state[name].shape)}, by its yaml {list(wanted[name].shape)}"
    return None


def _read_checkpoint(path: Path) -> Any:
    with torch.serialization.safe_globals([(Inert, CALLBACK)]):
        try:
            checkpoint = torch.load(path, map_location="cpu", weights_only=True)
        except OSError:
            raise
        except Exception as error:  # of any type: it is what the bytes make the reader stumble over
            asked = re.search(r"GLOBAL (\S+)", str(error))
            wants = f": it asks for {asked[1]}, and no code of a checkpoint is run" if asked else ""
            raise DataError(f"{path}: not a checkpoint of plain values and tensors{wants}") from error
    return checkpoint.get("state_dict") if isinstance(checkpoint, dict) else None


def _read_safetensors(path: Path) -> Any:
    try:
        return load_file(path)
    except SafetensorError as error:
        raise DataError(f"{path}: damaged, or not safetensors: {error}") from error


READERS = {".ckpt": _read_checkpoint, ".safetensors": _read_safetensors}
