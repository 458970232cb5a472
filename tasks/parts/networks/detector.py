"""A network fitted to real images and their boxes; it says which named objects stand in which quarter of an image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.contracts.data import Split
from bench.errors import NotMeasurable
from bench.images import to_float
from bench.presets import Budget
from bench.system import fingerprint
from bench.system.checkpoint import Checkpoint
from bench.system.kept import key_of
from bench.system.precision import autocast
from bench.tasks.parts.networks import head
from bench.tasks.parts.networks.fit_once import fit_once

RECIPE = Budget(steps=1000, batch_size=32, learning_rate=3e-3, width=24, layers=0)
"""The same for every method, preset and seed; width: channels at full resolution."""
SEED = 0
BATCH = 250
CELLS = 4
"""Quarters of an image: top left, top right, bottom left, bottom right."""
EXAMPLES = 20
"""Training boxes that an object's name must have: fewer do not teach what it looks like."""
SEEN = 0.5
"""Probability from which an object counts as recognised."""


class Detector(nn.Module):
    """Images [B, 3, S, S] in [-1, 1] to logits [B, 4, C]: whether an object of each name stands in each quarter."""

    def __init__(self, names: Sequence[str], width: int) -> None:
        super().__init__()
        self.names = tuple(names)
        self.body = nn.Sequential(_stage(3, width, 1), _stage(width, 2 * width, 2), _stage(2 * width, 3 * width, 2))
        self.quarters = nn.Conv2d(3 * width, 4 * width, 4, stride=4)
        self.logits = nn.Linear(4 * width, len(names))
        nn.init.constant_(self.logits.bias, -4)  # most names are in no quarter

    def forward(self, images: Tensor) -> Tensor:
        """Logits [B, 4, C]."""
        seen = F.adaptive_avg_pool2d(self.body(images), 8)
        quarters = F.gelu(self.quarters(seen)).flatten(2).transpose(1, 2)  # [B, 4, 4 * width]
        return self.logits(quarters)


def fitted_detector(training: Split, device: torch.device, checkpoint: Checkpoint | None = None) -> Detector:
    """A detector fitted to real training images; kept in the split's folder, where it has one.

    checkpoint: of this network, while it is being fitted.

    Raises:
        NotMeasurable: no name has enough boxes to learn it from.
        BenchError: the weights cannot be kept; see `bench.system.kept`.
    """
    counts = Counter(box.text for box in training.boxes)
    names = sorted(name for name, count in counts.items() if count >= EXAMPLES)
    if not names:
        raise NotMeasurable(f"the training split has no boxes, or no name with {EXAMPLES} of them")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        model = Detector(names, RECIPE.width).to(device)
        key = key_of([asdict(RECIPE), names, len(training), fingerprint.of_code([Path(__file__)])])
        path = None if training.cache is None else training.cache / f"detector-{key}.safetensors"
        rng = np.random.default_rng(SEED)
        loss = _next_loss(model, training, device, rng)
        fit_once(model, lambda: head.fit(model, loss, RECIPE, device, (rng,), checkpoint), path)
    return model


def detect(model: Detector, images: np.ndarray, device: torch.device) -> np.ndarray:
    """Which objects are recognised in each quarter of images uint8 [N, S, S, 3]: bool [N, 4, C]."""
    parts = []
    for start in range(0, len(images), BATCH):
        with torch.inference_mode(), autocast(device):
            logits = model(to_float(images[start : start + BATCH], device))
        parts.append((logits.float().sigmoid() > SEEN).cpu().numpy())
    return np.concatenate(parts)


def _next_loss(
    model: Detector, training: Split, device: torch.device, rng: np.random.Generator
) -> Callable[[], Tensor]:
    """A function that draws a batch at each call and returns its loss."""
    number = {name: i for i, name in enumerate(model.names)}
    known = [box for box in training.boxes if box.text in number]
    rows = np.array([box.image for box in known])
    # of each box: its quarter and its name, as one number
    targets = np.array(
        [(2 * (box.box[1] >= 0.5) + (box.box[0] >= 0.5)) * len(number) + number[box.text] for box in known]
    )
    order = np.argsort(rows, kind="stable")
    rows, targets = rows[order], targets[order]
    starts = np.searchsorted(rows, np.arange(len(training) + 1))

    def loss() -> Tensor:
        batch = np.sort(rng.integers(0, len(training), RECIPE.batch_size))
        truth = torch.zeros(len(batch), CELLS * len(number))
        for place, row in enumerate(batch):
            truth[place, torch.from_numpy(targets[starts[row] : starts[row + 1]])] = 1
        logits = model(to_float(training.images[batch], device)).float().flatten(1)
        return F.binary_cross_entropy_with_logits(logits, truth.to(device), reduction="none").sum(1).mean()

    return loss


def _stage(inputs: int, outputs: int, stride: int) -> nn.Module:
    """Two 3x3 convolutions [B, inputs, S, S] to [B, outputs, S / stride, S / stride]."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1), nn.GroupNorm(8, outputs), nn.GELU(),
        nn.Conv2d(outputs, outputs, 3, padding=1), nn.GroupNorm(8, outputs), nn.GELU(),
    )  # fmt: skip
