"""What is kept of a training: its losses, how long it took, and how far the codebook moved."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor

from bench.errors import TrainingDiverged
from bench.system import ranks

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
    peak_memory_mib: float = 0.0

    def as_dict(self) -> dict[str, object]:
        """Plain values, for JSON."""
        return asdict(self)


class Watch:
    """What is looked at while a training runs. images: seen so far. start: the codebook before the first step."""

    def __init__(self, history: History, start: Tensor) -> None:
        self.history, self.start, self.images = history, start, 0
        self._stretch: dict[str, list[Tensor]] = {}

    def add(self, losses: Mapping[str, Tensor], images: int) -> None:
        """The losses of a step on this rank, and how many images it saw on all of them."""
        self.images += images
        for name, loss in losses.items():
            self._stretch.setdefault(name, []).append(ranks.mean(loss.detach().float()))

    def note(self, step: int) -> dict[str, float]:
        """Move the losses since the last look into the history as means, and return those.

        Raises:
            TrainingDiverged: one is not finite.
        """
        means = {name: torch.stack(losses).mean().item() for name, losses in self._stretch.items()}
        for name, mean in means.items():
            if not math.isfinite(mean):
                raise TrainingDiverged(f"loss {name!r} is {mean} within steps {self.history.steps + 1} to {step}")
            self.history.losses.setdefault(name, []).append(mean)
        self.history.steps = step
        self._stretch.clear()
        return means

    def state_dict(self) -> dict[str, Any]:
        """See `bench.system.resume.Stateful`."""
        stretch = {name: torch.stack(losses) for name, losses in self._stretch.items()}
        noted = {"losses": self.history.losses, "steps": self.history.steps}
        return {**noted, "stretch": stretch, "images": self.images, "start": self.start}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See `bench.system.resume.Stateful`."""
        device = self.start.device
        if state["start"].shape != self.start.shape:
            raise ValueError("its codebook is of another shape")
        self.history.losses, self.history.steps, self.images = state["losses"], state["steps"], state["images"]
        self._stretch = {name: list(losses.to(device)) for name, losses in state["stretch"].items()}
        self.start = state["start"].to(device)
