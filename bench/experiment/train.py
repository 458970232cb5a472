"""Train a tokenizer: one loop for every method, so that only what the method is about differs."""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.contracts.data import Split
from bench.contracts.method import Batch, TextBatch, Tokenizer
from bench.data.pixels.training_view import training_images
from bench.errors import TrainingDiverged
from bench.images import to_float
from bench.presets import Preset
from bench.system import streams
from bench.system.batches import shuffled
from bench.system.progress import Progress
from bench.text.caption_features import CaptionFeatures

CHECK_EVERY = 20
"""Steps between looks at the losses: each look makes a GPU wait."""


@dataclass
class History:
    """What is kept of a training. losses: name to mean over each stretch of `CHECK_EVERY` steps.

    codebook_change: norm of the codebook's change over its norm at the start; None where the codes
    are not meant to move, or there are none.
    """

    steps: int = 0
    seconds: float = 0.0
    images_per_s: float = 0.0
    parameters: int = 0
    losses: dict[str, list[float]] = field(default_factory=dict)
    codebook_change: float | None = None

    def as_dict(self) -> dict[str, object]:
        """Plain values, for JSON."""
        return asdict(self)


def train(
    tokenizer: Tokenizer,
    split: Split,
    features: CaptionFeatures | None,
    preset: Preset,
    seed: int,
    device: torch.device,
    progress: Progress,
) -> History:
    """Train in place for `preset.steps` steps; leaves the tokenizer in evaluation mode on `device`.

    Data order and caption choice come from the seed alone, so every method sees the same batches. One optimizer and
    one backward pass serve all players of an adversarial method (see `bench.methods.parts.adversarial`).

    Raises:
        TrainingDiverged: a loss is not finite.
    """
    tokenizer.to(device).train()
    tokenizer.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks this form
    groups = parameter_groups(tokenizer, preset.learning_rate)
    optimizer = torch.optim.Adam(groups, preset.learning_rate, betas=preset.betas, fused=device.type == "cuda")
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(preset, step))
    history = History(parameters=sum(parameter.numel() for group in groups for parameter in group["params"]))
    autocast = torch.autocast(device.type, torch.bfloat16, enabled=preset.precision == "bf16")
    batches = shuffled(len(split), preset.batch_size, streams.generator(seed, "training batches"))
    captions = streams.generator(seed, "training captions")
    images = training_images(split, seed)
    stretch: dict[str, list[Tensor]] = {}
    start = tokenizer.codebook.detach().clone()
    started = time.perf_counter()
    for step in range(preset.steps):
        rows = next(batches)
        batch = Batch(to_float(images[rows], device), _text(features, rows, captions, device))
        with autocast:
            losses = tokenizer.losses(batch, step)
        optimizer.zero_grad(set_to_none=True)
        torch.stack([loss.float() for name, loss in losses.items() if not name.startswith("_")]).sum().backward()
        optimizer.step()
        schedule.step()
        for name, loss in losses.items():
            stretch.setdefault(name, []).append(loss.detach().float())
        if (step + 1) % CHECK_EVERY == 0 or step + 1 == preset.steps:
            _note(history, stretch, step + 1)
            progress(step + 1, preset.steps, "train")
    history.seconds = time.perf_counter() - started
    history.images_per_s = preset.steps * preset.batch_size / history.seconds
    tokenizer.eval()
    if tokenizer.discrete and not tokenizer.fixed_codebook:
        history.codebook_change = float((tokenizer.codebook.detach() - start).norm() / start.norm().clamp(min=1e-12))
    return history


def parameter_groups(tokenizer: Tokenizer, learning_rate: float) -> list[dict[str, Any]]:
    """What is trained, one group for each learning rate; see `Tokenizer.learning_rate_scales`."""
    scales = {parameter: 1.0 for parameter in tokenizer.parameters() if parameter.requires_grad}
    for module, scale in tokenizer.learning_rate_scales().items():
        scales.update(dict.fromkeys(scales.keys() & set(module.parameters()), float(scale)))
    rates = sorted(set(scales.values()))
    return [{"params": [p for p in scales if scales[p] == rate], "lr": learning_rate * rate} for rate in rates]


def _text(
    features: CaptionFeatures | None, rows: np.ndarray, rng: np.random.Generator, device: torch.device
) -> TextBatch | None:
    if features is None:
        return None
    return TextBatch(*(part.to(device, non_blocking=True) for part in features.sample(rows, rng)))


def _rate(preset: Preset, step: int) -> float:
    """Factor on the learning rate: constant, or a warm-up of 2 % and a cosine to zero."""
    if preset.schedule == "constant":
        return 1.0
    done = (step + 1) / preset.steps
    return min(1.0, done / 0.02) * 0.5 * (1 + math.cos(math.pi * done))


def _note(history: History, stretch: dict[str, list[Tensor]], step: int) -> None:
    """Move the losses since the last look into the history as means, and stop where one is not finite."""
    for name, losses in stretch.items():
        mean = torch.stack(losses).mean().item()
        if not math.isfinite(mean):
            raise TrainingDiverged(f"loss {name!r} is {mean} within steps {history.steps + 1} to {step}")
        history.losses.setdefault(name, []).append(mean)
    history.steps = step
    stretch.clear()
