"""Where codes come from besides gradients: a start taken from features, and new places for codes nobody chooses.

Both raise the use of a codebook without any change to its method, so the same rule is there for every method with
code vectors in feature space. What a method adds to a codebook can then be told from what codebook use adds.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from bench.methods.parts.nearest import nearest_codes

Init = Literal["uniform", "features", "kmeans"]
Revive = Literal["none", "features"]

INIT_STEP = 30
"""Training step whose features initialise a codebook: by then the encoder's output has found its scale."""
UNUSED = 100
"""Training steps after which a code that nothing chose counts as dead."""


class Renewal(nn.Module):
    """Initialises a codebook [K, D] from features and revives its dead codes; called at each training step.

    init: "uniform" leaves the method's own start; "features" and "kmeans" take the codebook once from the features of
        training step 30. revive: "features" replaces codes unused for 100 training steps by features of the batch.
    """

    def __init__(self, codes: int, init: Init, revive: Revive) -> None:
        super().__init__()
        self.init, self.revive = init, revive
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))
        self.register_buffer("unused", torch.zeros(codes, dtype=torch.int64))
        self.steps: Tensor
        self.unused: Tensor

    @torch.no_grad()
    def before(self, rows: Tensor, codebook: Tensor) -> Tensor:
        """Before codes are chosen: change the codebook [K, D] in place where it is due; returns what changed, bool [K].

        Args:
            rows: features [N, D] of this step, in the space of the codes.
        """
        new = torch.zeros(len(codebook), dtype=torch.bool, device=rows.device)
        if self.init != "uniform" and self.steps == INIT_STEP:
            codebook.copy_(INITIALISERS[self.init](rows, len(codebook)))
            new = ~new
        if self.revive == "features":
            dead = self.unused >= UNUSED
            codebook.copy_(torch.where(dead[:, None], sample_rows(rows, len(codebook)), codebook))
            self.unused.masked_fill_(dead, 0)
            new = new | dead
        self.steps += 1
        return new

    @torch.no_grad()
    def after(self, indices: Tensor) -> None:
        """After codes are chosen: which ones, int64 of any shape."""
        self.unused.add_(1)
        self.unused[indices.flatten()] = 0


def sample_rows(rows: Tensor, count: int) -> Tensor:
    """`count` of the rows [N, D] at random, each once while they last."""
    order = torch.cat([torch.randperm(len(rows), device=rows.device) for _ in range(-(-count // len(rows)))])
    return rows[order[:count]]


def kmeans(rows: Tensor, count: int, iterations: int = 10) -> Tensor:
    """Centres [count, D] of the rows [N, D] by Lloyd's algorithm; a centre that loses all its rows stays put."""
    centres = sample_rows(rows, count).clone()
    for _ in range(iterations):
        nearest = nearest_codes(rows, centres)
        sizes = torch.zeros(count, 1, device=rows.device).index_add_(0, nearest, rows.new_ones(len(rows), 1))
        sums = torch.zeros_like(centres).index_add_(0, nearest, rows)
        centres = torch.where(sizes > 0, sums / sizes.clamp(min=1), centres)
    return centres


INITIALISERS = {"features": sample_rows, "kmeans": kmeans}
