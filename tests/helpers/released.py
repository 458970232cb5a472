"""Released tokenizers in small: drawn weights that stay the same everywhere, and how a refusal is read."""

from __future__ import annotations

import dataclasses
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file
from torch import Tensor

from bench.errors import DataError
from bench.methods.parts.released.network import ReleasedTokenizer
from bench.methods.pretrained import Pretrained
from bench.presets import PRESETS
from bench.system.files import ROOT

SMOKE = PRESETS["smoke"]
GOLDEN = ROOT / "tests/golden/released.safetensors"


def build(method: Pretrained, side: int = SMOKE.image_size) -> Any:
    return method.build(dataclasses.replace(SMOKE, image_size=side), "emoji-scenes", None)


def refusal(method: Pretrained) -> str:
    """The one line with which files are refused."""
    with pytest.raises(DataError) as caught:
        build(method)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def drawn(name: str, shape: torch.Size) -> Tensor:
    """A weight, from its name alone: the same that the golden values were computed with."""
    values = np.random.RandomState(zlib.crc32(name.encode())).standard_normal(tuple(shape))
    if not name.endswith("embedding.weight"):
        fan_in = np.prod(shape[1:]) if len(shape) > 1 else 100
        values = values / np.sqrt(fan_in) + (len(shape) == 1 and name.endswith(".weight"))
    return torch.tensor(values, dtype=torch.float32)


def drawn_state(like: torch.nn.Module, prefix: str = "") -> dict[str, Tensor]:
    """Weights with the names and shapes of a module's; a prefix makes others of them."""
    return {name: drawn(prefix + name, value.shape) for name, value in like.state_dict().items()}


def images(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1)) * 2 - 1


def write_yaml(path: Path, content: dict[str, Any]) -> Path:
    path.write_text(yaml.safe_dump(content))
    return path


def both_ways(tokenizer: ReleasedTokenizer, pictures: Tensor) -> tuple[Tensor, Tensor]:
    """Indices of images, and the images of those."""
    with torch.inference_mode():
        found = tokenizer.encode(pictures)
        return found, tokenizer.decode(found)


def in_parts(whole: Path) -> None:
    """A file of weights, replaced by two parts and their index as large models have them."""
    state, names = sorted(load_file(whole).items()), {}
    for number, part in enumerate((state[::2], state[1::2]), 1):
        name = f"model-{number:05d}-of-00002.safetensors"
        save_file(dict(part), whole.parent / name)
        names |= {key: name for key, _ in part}
    whole.unlink()
    (whole.parent / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": names}))
