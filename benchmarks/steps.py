"""What several benchmarks time: a step of a tokenizer's training."""

from __future__ import annotations

from collections.abc import Callable

import torch

from bench.contracts.method import Batch, Tokenizer
from bench.experiment.optimizers import optimizers
from bench.presets import Preset
from bench.system.precision import autocast


def training_step(tokenizer: Tokenizer, batch: Batch, preset: Preset) -> Callable[[], None]:
    """A step as `bench.experiment.train` makes it, always on this batch and with the discriminator at work."""
    of_tokenizer, device = optimizers(tokenizer, preset), batch.images.device

    def step() -> None:
        with autocast(device, preset.precision):
            losses = tokenizer.losses(batch, preset.discriminator_start)
        tokenizer.zero_grad(set_to_none=True)
        torch.stack([loss.float() for name, loss in losses.items() if not name.startswith("_")]).sum().backward()
        for optimizer in of_tokenizer:
            optimizer.step()

    return step
