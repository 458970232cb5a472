"""Checkpoints in taming's format, written with taming's own modules."""

from __future__ import annotations

import contextlib
import copy
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
import yaml
from torch import Tensor, nn

from bench.methods.pretrained import Pretrained

SIZES = {
    "double_z": False, "z_channels": 32, "resolution": 32, "in_channels": 3, "out_ch": 3, "ch": 32, "ch_mult": [1, 2],
    "num_res_blocks": 1, "attn_resolutions": [16], "dropout": 0.0,
}  # fmt: skip
CONFIG = {
    "model": {
        "base_learning_rate": 4.5e-6,
        "target": "taming.models.vqgan.VQModel",
        "params": {"embed_dim": 8, "n_embed": 24, "ddconfig": SIZES, "lossconfig": {"target": "some.loss"}},
    }
}


class Files(NamedTuple):
    """A checkpoint with its yaml, and the modules it was written from."""

    weights: Path
    config: Path
    modules: nn.ModuleDict

    @property
    def method(self) -> Pretrained:
        return Pretrained(self.weights, self.config)


@contextlib.contextmanager
def lightning_callback() -> Iterator[type]:
    """The class that old checkpoints have as a key, importable only while they are being written."""
    name = "pytorch_lightning.callbacks.model_checkpoint"
    made = type("ModelCheckpoint", (), {"__module__": name})
    module = types.ModuleType(name)
    module.ModelCheckpoint = made  # type: ignore[attr-defined]
    with pytest.MonkeyPatch.context() as patch:
        for part in ("pytorch_lightning", "pytorch_lightning.callbacks"):
            patch.setitem(sys.modules, part, types.ModuleType(part))
        patch.setitem(sys.modules, name, module)
        yield made


def write(path: Path, state: dict[str, Any]) -> Path:
    """A checkpoint as old Lightning leaves it."""
    with lightning_callback() as callback:
        torch.save(
            {
                "epoch": 3,
                "global_step": 1000,
                "pytorch-lightning_version": "1.0.8",
                "callbacks": {callback: {"monitor": "val/rec_loss", "best_model_score": torch.tensor(0.5)}},
                "optimizer_states": [{"state": {0: {"step": 1, "exp_avg": torch.zeros(2)}}, "param_groups": []}],
                "lr_schedulers": [],
                "state_dict": state,
            },
            path,
        )
    return path


def write_config(path: Path, **params: Any) -> Path:
    config = copy.deepcopy(CONFIG)
    config["model"]["params"] |= params  # type: ignore[operator]
    path.write_text(yaml.safe_dump(config))
    return path


def state_of(files: Files) -> dict[str, Tensor]:
    return dict(files.modules.state_dict())
