"""The plain vector quantizer and the nearest-code search that others share."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.contracts import Quantized

Init = Literal["uniform", "features", "kmeans"]
Revive = Literal["none", "features"]

CHUNK = 2**24
"""Distances held at once: 64 MiB in float32."""
INIT_STEP = 30
"""Training step whose features initialise a codebook: by then the encoder's output has found its scale."""
UNUSED = 100
"""Training steps after which a code that nothing chose counts as dead."""


def nearest_codes(z: Tensor, codebook: Tensor) -> Tensor:
    """Index of the nearest code in Euclidean distance; the full distance matrix is never held.

    Args:
        z: float32 [N, D].
        codebook: float32 [K, D].

    Returns:
        int64 [N]; of equally near codes the first.
    """
    squares = codebook.square().sum(1)
    rows = max(1, CHUNK // len(codebook))
    # |z|^2 is the same for all codes of a row, and leaving it out loses no digits to it
    return torch.cat([torch.addmm(squares, part, codebook.T, alpha=-2).argmin(1) for part in z.split(rows)])


def to_rows(z: Tensor) -> Tensor:
    """Feature map [B, D, h, w] to float32 [B*h*w, D]."""
    return z.permute(0, 2, 3, 1).reshape(-1, z.shape[1]).float()


def to_quantized(z: Tensor, rows: Tensor, codes: Tensor, indices: Tensor, loss: Tensor) -> Quantized:
    """Straight-through result for a map z [B, D, h, w] whose `rows` [B*h*w, D] became `codes` of the same shape."""
    batch, width, height, across = z.shape
    through = (rows + (codes - rows).detach()).view(batch, height, across, width).permute(0, 3, 1, 2)
    return Quantized(through, indices.view(batch, height, across), loss)


def uniform_codebook(codes: int, width: int) -> Tensor:
    """[K, D] drawn from U(-1/K, 1/K), the initialisation of taming's quantizers and so of all that build on them."""
    return torch.empty(codes, width).uniform_(-1 / codes, 1 / codes)


def codebook_loss(rows: Tensor, codes: Tensor, beta: float, legacy: bool) -> Tensor:
    """VQ-VAE, eq. 3: mean squares of the codebook term and the commitment term, `beta` on the latter.

    `legacy` puts beta on the codebook term instead, as released taming, and through it LG-VQ's VQ-GAN, does.
    """
    codebook, commitment = F.mse_loss(codes, rows.detach()), F.mse_loss(rows, codes.detach())
    return commitment + beta * codebook if legacy else codebook + beta * commitment


class VectorQuantizer(nn.Module):
    """Nearest-neighbour quantizer with a learned codebook (VQ-VAE, arXiv 1711.00937).

    init: "uniform" is the papers' own; "features" and "kmeans" take the codebook once from the encoder's features of
        training step 30. revive: "features" replaces codes unused for 100 training steps by features of the batch.
    """

    def __init__(
        self,
        codes: int,
        width: int,
        beta: float = 0.25,
        legacy: bool = True,
        init: Init = "uniform",
        revive: Revive = "none",
    ) -> None:
        super().__init__()
        self.beta, self.legacy, self.init, self.revive = beta, legacy, init, revive
        self.codebook = nn.Parameter(uniform_codebook(codes, width))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))
        self.register_buffer("unused", torch.zeros(codes, dtype=torch.int64))
        self.steps: Tensor
        self.unused: Tensor

    def forward(self, z: Tensor) -> Quantized:
        """Feature map [B, D, h, w] to `Quantized`; float32 under autocast too."""
        with torch.autocast(z.device.type, enabled=False):
            rows = to_rows(z)
            if self.training:
                self._renew(rows.detach())
            indices = nearest_codes(rows.detach(), self.codebook.detach())
            codes = F.embedding(indices, self.codebook)
            return to_quantized(z, rows, codes, indices, codebook_loss(rows, codes, self.beta, self.legacy))

    @torch.no_grad()
    def _renew(self, rows: Tensor) -> None:
        """Initialise from features when it is time, and replace dead codes."""
        if self.init != "uniform" and self.steps == INIT_STEP:
            self.codebook.copy_(INITIALISERS[self.init](rows, len(self.codebook)))
        if self.revive == "features":
            dead = self.unused >= UNUSED
            self.codebook.copy_(torch.where(dead[:, None], sample_rows(rows, len(self.codebook)), self.codebook))
            self.unused.masked_fill_(dead, 0).add_(1)
            self.unused[nearest_codes(rows, self.codebook)] = 0
        self.steps += 1


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
