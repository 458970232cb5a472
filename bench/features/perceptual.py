"""LPIPS on VGG16 (arXiv 1801.03924, version 0.1), as a loss: gradients flow to the images."""

from __future__ import annotations

import hashlib
from importlib.resources import files
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.errors import DataError

VGG_FILE = "vgg16-397923af.pth"
VGG_SHA256_START = "397923af"
STAGES = ((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28))
"""Positions of VGG16's convolutions in torchvision's file; each stage but the first starts with a 2x2 max pool."""
SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)


class PerceptualDistance(nn.Module):
    """Distance of two batches of images [B, 3, H, W] in [-1, 1], float [B].

    Its weights are buffers that no checkpoint keeps. Released taming and LG-VQ leave LPIPS's dropout on while they
    train (their trainer's `train()` undoes its `eval()`); here it is off.

    Raises:
        DataError: VGG16's weights are not on this machine, or are not what their name says.
    """

    def __init__(self, vgg: dict[str, Tensor] | None = None) -> None:
        super().__init__()
        features = load_vgg16() if vgg is None else vgg
        linear = torch.load(_linear_file(), map_location="cpu", weights_only=True)
        for layer in [layer for stage in STAGES for layer in stage]:
            self._keep(f"weight{layer}", features[f"features.{layer}.weight"])
            self._keep(f"bias{layer}", features[f"features.{layer}.bias"])
        for stage in range(len(STAGES)):
            self._keep(f"linear{stage}", linear[f"lin{stage}.model.1.weight"])
        self._keep("shift", torch.tensor(SHIFT).view(3, 1, 1))
        self._keep("scale", torch.tensor(SCALE).view(3, 1, 1))

    def forward(self, images: Tensor, others: Tensor) -> Tensor:
        """[B]"""
        x = (torch.cat([images, others]) - self.get_buffer("shift")) / self.get_buffer("scale")
        total = x.new_zeros(len(images))
        for number, stage in enumerate(STAGES):
            if number:
                x = F.max_pool2d(x, 2)
            for layer in stage:
                x = F.relu(F.conv2d(x, self.get_buffer(f"weight{layer}"), self.get_buffer(f"bias{layer}"), padding=1))
            one, two = F.normalize(x.float(), dim=1, eps=1e-10).chunk(2)
            total = total + F.conv2d((one - two).square(), self.get_buffer(f"linear{number}")).float().mean((1, 2, 3))
        return total

    def _keep(self, name: str, value: Tensor) -> None:
        self.register_buffer(name, value, persistent=False)


def load_vgg16() -> dict[str, Tensor]:
    """Torchvision's ImageNet weights of VGG16 from torch's own folder for downloaded weights.

    Raises:
        DataError: the file is missing, or its hash is another.
    """
    path = Path(torch.hub.get_dir()) / "checkpoints" / VGG_FILE
    if not path.exists():
        raise DataError(
            f"the perceptual loss needs VGG16's weights: put https://download.pytorch.org/models/{VGG_FILE} at {path}, "
            "or train without by --set METHOD.perceptual=none"
        )
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if not found.startswith(VGG_SHA256_START):
        raise DataError(f"{path} is not VGG16's weights: sha256 {found}, expected {VGG_SHA256_START}...")
    weights: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return weights


def _linear_file() -> str:
    """LPIPS's own linear weights, which torchmetrics carries."""
    return str(files("torchmetrics") / "functional" / "image" / "lpips_models" / "vgg.pth")
