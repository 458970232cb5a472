"""What all task heads share: how they read codes, and how they are fitted."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from bench.contracts.codes import Codes
from bench.errors import TrainingDiverged
from bench.presets import Budget
from bench.system.checkpoint import Checkpoint
from bench.system.muon import Muon
from bench.system.precision import autocast
from bench.system.progress import reporter
from bench.system.resume import Part, Resumable
from bench.tasks.parts.networks.block import Block
from bench.tasks.parts.networks.transformer import START_OF_POSITIONS

SAMPLE = 2048
"""Training images that code vectors are standardised over."""
WARM_UP = 0.05
"""Share of the steps in which the learning rate rises."""
CHECK_EVERY = 50
"""Steps between looks at the loss: each look makes a GPU wait."""
DECAY = 0.1
"""Of matrices."""
MUON_RATE = 0.02
"""Muon's learning rate at every size of a network: its steps are as large whatever the gradient's size."""

PROTOCOL = {
    "codes": f"vectors, each dimension standardised over {SAMPLE} training images, then a learned linear map",
    "start": f"learned positions from N(0, {START_OF_POSITIONS}^2), those of a GPT from N(0, 0.02^2)",
    "optimiser": f"Muon (rate {MUON_RATE}, momentum 0.95) for the matrices of transformer blocks, AdamW (the budget's "
    f"rate) for all else; decay {DECAY} on matrices, {WARM_UP:.0%} warm-up, cosine to 0, gradient norm at most 1",
}


class CodeReader(nn.Module):
    """Code vectors [B, T, D] to [B, T, width]: each dimension standardised over training images, then a linear map.

    So a head sees vectors of the same scale whatever the method. A dimension that never varies becomes zero.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, training: Codes, width: int) -> None:
        super().__init__()
        rows = np.linspace(0, len(training) - 1, min(SAMPLE, len(training))).astype(np.int64)
        vectors = training.vectors(rows, torch.device("cpu")).flatten(0, 1).double()  # [images * positions, D]
        deviation = vectors.std(0, correction=0)
        varies = deviation > 1e-6 * vectors.abs().max()
        self.register_buffer("mean", vectors.mean(0).float())
        self.register_buffer("scale", torch.where(varies, 1 / deviation, 0.0).float())
        self.linear = nn.Linear(training.width, width)

    def forward(self, vectors: Tensor) -> Tensor:
        """Standardised and mapped vectors [B, T, width]."""
        return self.linear((vectors - self.mean) * self.scale)


def fit(
    model: nn.Module,
    loss: Callable[[], Tensor],
    budget: Budget,
    device: torch.device,
    draws: Sequence[Part] = (),
    checkpoint: Checkpoint | None = None,
) -> float:
    """Minimise `loss()`, which draws its own batch; leaves the model in evaluation mode.

    Args:
        model: new, made with the torch seed of this fit.
        loss: draws from torch's random state and from `draws`, and changes nothing else.
        budget: how many steps, and the learning rate.
        device: where the model is.
        draws: what `loss` draws from: numpy generators, and batches of rows.
        checkpoint: of this network alone, so that the fit goes on where it was killed, bit for bit on a CPU.

    Returns:
        Seconds that it took, those before an interruption included.

    Raises:
        TrainingDiverged: the loss is not finite.
    """
    model.train()
    parameters = list(model.parameters())
    optimizers = _optimizers(model, budget.learning_rate)
    schedules = [
        torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, budget.steps)) for optimizer in optimizers
    ]
    parts: dict[str, Part] = {"model": model}
    parts |= {f"optimizer {number}": part for number, part in enumerate(optimizers)}
    parts |= {f"schedule {number}": part for number, part in enumerate(schedules)}
    parts |= {f"draws {number}": part for number, part in enumerate(draws)}
    report = reporter("head")
    with Resumable(parts, device, checkpoint) as training:
        for step in training.steps(budget.steps):
            with autocast(device):
                value = loss()
            model.zero_grad(set_to_none=True)
            value.backward()
            nn.utils.clip_grad_norm_(parameters, 1.0)
            for optimizer, schedule in zip(optimizers, schedules, strict=True):
                optimizer.step()
                schedule.step()
            if (step + 1) % CHECK_EVERY == 0:
                shown = value.item()
                if not math.isfinite(shown):
                    raise TrainingDiverged(f"the task head's loss is {shown} at step {step + 1}")
                report(step + 1, budget.steps, f"fit, loss {shown:.3g}")
    model.eval()
    return training.seconds


def _optimizers(model: nn.Module, rate: float) -> list[torch.optim.Optimizer]:
    """AdamW, and Muon where a model has transformer blocks.

    Muon takes hidden matrices only: with AdamW alone heads did not converge within the steps of preset `tiny`.
    """
    blocks = [module for module in model.modules() if isinstance(module, Block)]
    hidden = [parameter for block in blocks for parameter in block.parameters() if parameter.ndim == 2]
    in_blocks = {id(parameter) for parameter in hidden}
    rest = [parameter for parameter in model.parameters() if id(parameter) not in in_blocks]
    groups = [
        {"params": [parameter for parameter in rest if parameter.ndim > 1], "weight_decay": DECAY},
        {"params": [parameter for parameter in rest if parameter.ndim <= 1], "weight_decay": 0.0},
    ]
    adamw = torch.optim.AdamW(groups, rate, betas=(0.9, 0.98), fused=True)
    return [adamw, Muon(hidden, MUON_RATE, DECAY)] if hidden else [adamw]


def _rate(step: int, steps: int) -> float:
    """Factor on the learning rate: a linear warm-up and a cosine to zero."""
    done = (step + 1) / steps
    return min(1.0, done / WARM_UP) * 0.5 * (1 + math.cos(math.pi * done))
