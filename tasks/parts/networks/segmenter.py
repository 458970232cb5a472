"""A segmenter of real images, which says what it sees in made ones."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from bench.contracts.data import Split
from bench.errors import DataError
from bench.images import to_float
from bench.presets import Budget
from bench.system import fingerprint
from bench.system.files import write_atomic
from tasks.parts.networks import head

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
        """[B, C, S, S]"""
        fine = self.first(images)
        middle = self.down(F.max_pool2d(fine, 2))
        coarse = self.bottom(F.max_pool2d(middle, 2))
        middle = self.up(torch.cat([F.interpolate(coarse, middle.shape[-2:]), middle], 1))
        logits: Tensor = self.classes(self.last(torch.cat([F.interpolate(middle, fine.shape[-2:]), fine], 1)))
        return logits


def classes_of(split: Split) -> int:
    """Number of classes of a split's masks.

    Raises:
        DataError: it has no masks.
    """
    if split.masks is None:
        raise DataError(f"the {split.name} split has no masks")
    return int(split.masks.max()) + 1


def fitted_segmenter(training: Split, device: torch.device) -> Segmenter:
    """A segmenter fitted to real training images; kept in the split's folder, where it has one.

    Raises:
        DataError: the split has no masks, or the kept file is damaged.
    """
    classes = classes_of(training)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        model = Segmenter(classes, RECIPE.width).to(device)
        code = fingerprint.of_code([Path(__file__)])
        key = fingerprint.of_value([asdict(RECIPE), classes, len(training), code])[:20]
        path = None if training.cache is None else training.cache / f"segmenter-{key}.safetensors"
        if path is not None and path.exists():
            return _load(model, path)
        head.fit(model, _Loss(model, training, device), RECIPE, device)
    if path is not None:
        write_atomic(path, save({name: value.cpu().contiguous() for name, value in model.state_dict().items()}))
    return model


def segment(model: Segmenter, images: np.ndarray, device: torch.device) -> np.ndarray:
    """Class ids uint8 [N, S, S] of images uint8 [N, S, S, 3]."""
    found = []
    for start in range(0, len(images), BATCH):
        with torch.inference_mode(), head.autocast(device):
            logits = model(to_float(images[start : start + BATCH], device))
        found.append(logits.argmax(1).to(torch.uint8).cpu().numpy())
    return np.concatenate(found)


class _Loss:
    """The loss of the next batch at each call."""

    def __init__(self, model: Segmenter, training: Split, device: torch.device) -> None:
        self.model, self.training, self.device = model, training, device
        self.draw = np.random.default_rng(SEED)

    def __call__(self) -> Tensor:
        rows = np.sort(self.draw.integers(0, len(self.training), RECIPE.batch_size))
        assert self.training.masks is not None
        wanted = torch.from_numpy(self.training.masks[rows].astype(np.int64)).to(self.device)
        return F.cross_entropy(self.model(to_float(self.training.images[rows], self.device)).float(), wanted)


def _block(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1), nn.GroupNorm(8, outputs), nn.GELU(),
        nn.Conv2d(outputs, outputs, 3, padding=1), nn.GroupNorm(8, outputs), nn.GELU(),
    )  # fmt: skip


def _load(model: Segmenter, path: Path) -> Segmenter:
    try:
        model.load_state_dict(load(path.read_bytes()), strict=True)
    except (OSError, SafetensorError, RuntimeError) as error:
        raise DataError(f"{path} is damaged ({error}); delete it and it is made anew") from error
    model.eval()
    return model
