"""A tokenizer of taming's, written once for all tests of released tokenizers."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from helpers.taming_checkpoint import SIZES, Files, write, write_config
from safetensors.torch import save_file
from taming.modules.diffusionmodules.model import Decoder, Encoder
from taming.modules.vqvae.quantize import VectorQuantizer2
from torch import nn


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("released")
    torch.manual_seed(0)
    modules = nn.ModuleDict(
        {
            "encoder": Encoder(**SIZES),
            "decoder": Decoder(**SIZES),
            "quantize": VectorQuantizer2(24, 8, beta=0.25),
            "quant_conv": nn.Conv2d(32, 8, 1),
            "post_quant_conv": nn.Conv2d(8, 32, 1),
        }
    )
    nn.init.normal_(modules["quantize"].embedding.weight)
    state = modules.state_dict() | {
        "loss.discriminator.main.0.weight": torch.randn(4, 3, 4, 4),
        "loss.perceptual_loss.lin0.model.1.weight": torch.randn(1, 4, 1, 1),
    }
    modules.eval()
    save_file(state, folder / "model.safetensors")
    return Files(write(folder / "last.ckpt", state), write_config(folder / "model.yaml"), modules)


@pytest.fixture
def files(written: Files, tmp_path: Path) -> Files:
    """A copy to spoil."""
    weights, config = (Path(shutil.copy(path, tmp_path)) for path in written[:2])
    return Files(weights, config, written.modules)
