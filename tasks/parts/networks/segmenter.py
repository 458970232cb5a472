"""A segmentation network fitted to real images and their masks; it finds the classes in generated images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.contracts.data import Split
from bench.errors import DataError
from bench.images import to_float
from bench.presets import Budget
from bench.system import fingerprint
from bench.system.checkpoint import Checkpoint
from bench.system.kept import key_of
from bench.system.precision import autocast
from bench.tasks.parts.networks import head
from bench.tasks.parts.networks.fit_once import fit_once

RECIPE = Budget(steps=600, batch_size=32, learning_rate=3e-3, width=24, layers=0)
"""The same for every method, preset and seed; width: channels at full resolution."""
SEED = 0
BATCH = 250


class Segmenter(nn.Module):
    """A small U-Net (Ronneberger et al. 2015): images [B, 3, S, S] in [-1, 1] to class logits [B, C, S, S]."""

    def __init__(self, classes: int, width: int) -> None:
        super().__init__()
        self.first = _block(3, width)
        self.down = _block(width, 2 * width)
        self.bottom = _block(2 * width, 4 * width)
        self.up = _block(6 * width, 2 * width)
        self.last = _block(3 * width, width)
        self.classes = nn.Conv2d(width, classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Class logits [B, C, S, S]."""
        fine = self.first(images)  # [B, W, S, S]
        middle = self.down(F.max_pool2d(fine, 2))  # [B, 2W, S/2, S/2]
        coarse = self.bottom(F.max_pool2d(middle, 2))  # [B, 4W, S/4, S/4]
        middle = self.up(torch.cat([F.interpolate(coarse, middle.shape[-2:]), middle], 1))
        return self.classes(self.last(torch.cat([F.interpolate(middle, fine.shape[-2:]), fine], 1)))


def classes_of(split: Split) -> int:
    """Number of classes of a split's masks.

    Raises:
        DataError: it has no masks.
    """
    if split.masks is None:
        raise DataError(f"the {split.name} split has no masks")
    return int(split.masks.max()) + 1


def fitted_segmenter(training: Split, device: torch.device, checkpoint: Checkpoint | None = None) -> Segmenter:
    """A segmenter fitted to real training images; kept in the split's folder, where it has one.

    checkpoint: of this network, while it is being fitted.

    Raises:
        DataError: the split has no masks.
        BenchError: the weights cannot be kept; see `bench.system.kept`.
    """
    classes = classes_of(training)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        model = Segmenter(classes, RECIPE.width).to(device)
        key = key_of([asdict(RECIPE), classes, len(training), fingerprint.of_code([Path(__file__)])])
        path = None if training.cache is None else training.cache / f"segmenter-{key}.safetensors"
        rng = np.random.default_rng(SEED)
        loss = _next_loss(model, training, device, rng)
        fit_once(model, lambda: head.fit(model, loss, RECIPE, device, (rng,), checkpoint), path)
    return model


def segment(model: Segmenter, images: np.ndarray, device: torch.device) -> np.ndarray:
    """Class ids uint8 [N, S, S] of images uint8 [N, S, S, 3]."""
    classes = []
    for start in range(0, len(images), BATCH):
        with torch.inference_mode(), autocast(device):
            logits = model(to_float(images[start : start + BATCH], device))  # [B, C, S, S]
        classes.append(logits.argmax(1).to(torch.uint8).cpu().numpy())
    return np.concatenate(classes)


def _next_loss(
    model: Segmenter, training: Split, device: torch.device, rng: np.random.Generator
) -> Callable[[], Tensor]:
    """A function that draws a batch at each call and returns its loss."""
    images, masks = training.images, training.masks
    assert masks is not None

    def loss() -> Tensor:
        rows = np.sort(rng.integers(0, len(training), RECIPE.batch_size))
        target = torch.from_numpy(masks[rows].astype(np.int64)).to(device)  # [B, S, S]
        return F.cross_entropy(model(to_float(images[rows], device)).float(), target)

    return loss


def _block(inputs: int, outputs: int) -> nn.Module:
    """Two 3x3 convolutions [B, inputs, S, S] to [B, outputs, S, S]."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1), nn.GroupNorm(8, outputs), nn.GELU(),
        nn.Conv2d(outputs, outputs, 3, padding=1), nn.GroupNorm(8, outputs), nn.GELU(),
    )  # fmt: skip
