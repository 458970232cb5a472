"""The base class of quantizers, the plain nearest-neighbour quantizer, and what others share with it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from bench.contracts.method import Quantized
from bench.methods.parts.codebook_renewal import Init, Renewal, Revive
from bench.methods.parts.nearest import nearest_codes


class Quantizer(nn.Module):
    """What stands between encoder and decoder: turns a feature map into codes.

    codebook: code vectors [K, D], or [L, K, D] for residual levels; a parameter, a buffer or a property.
    fixed_codebook: whether codes are not meant to move; else a codebook that stays as it was is reported.
    """

    codebook: Tensor
    fixed_codebook: bool = False

    @override
    def forward(self, z: Tensor) -> Quantized:
        """Codes of a feature map z [B, D, h, w]; in float32, whatever its type and also under autocast."""
        raise NotImplementedError


def to_rows(z: Tensor) -> Tensor:
    """Feature map [B, D, h, w] to float32 [B*h*w, D]."""
    return z.permute(0, 2, 3, 1).reshape(-1, z.shape[1]).float()


def to_map(rows: Tensor, z: Tensor) -> Tensor:
    """Rows [B*h*w, D], in the order of `to_rows`, to a map [B, D, h, w]; z is the map that they stand for."""
    batch, width, height, across = z.shape
    return rows.view(batch, height, across, width).permute(0, 3, 1, 2)


def to_quantized(z: Tensor, rows: Tensor, codes: Tensor, indices: Tensor, loss: Tensor) -> Quantized:
    """Straight-through result for a map z [B, D, h, w] whose `rows` [B*h*w, D] became `codes` of the same shape.

    indices: of the codes, [B*h*w].
    """
    through = rows + (codes - rows).detach()
    return Quantized(to_map(through, z), indices.view(len(z), *z.shape[2:]), loss)


def uniform_codebook(codes: int, width: int) -> Tensor:
    """[K, D] drawn from U(-1/K, 1/K), the initialisation of taming's quantizers and so of all that build on them."""
    return torch.empty(codes, width).uniform_(-1 / codes, 1 / codes)


def codebook_loss(rows: Tensor, codes: Tensor, beta: float, legacy: bool) -> Tensor:
    """VQ-VAE, eq. 3: mean squares of the codebook term and the commitment term, `beta` on the latter.

    `legacy` puts beta on the codebook term instead, as released taming, and through it LG-VQ's VQ-GAN, does.
    """
    codebook, commitment = F.mse_loss(codes, rows.detach()), F.mse_loss(rows, codes.detach())
    return commitment + beta * codebook if legacy else codebook + beta * commitment


class VectorQuantizer(Quantizer):
    """Nearest-neighbour quantizer with a learned codebook (VQ-VAE, arXiv 1711.00937).

    init, revive: see `Renewal`; "uniform" and "none" are the papers' own.
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
        self.beta, self.legacy = beta, legacy
        self.codebook = nn.Parameter(uniform_codebook(codes, width))
        self.renewal = Renewal(codes, init, revive)

    @override
    def forward(self, z: Tensor) -> Quantized:
        with torch.autocast(z.device.type, enabled=False):
            rows = to_rows(z)
            if self.training:
                self.renewal.before(rows.detach(), self.codebook)
            indices = nearest_codes(rows.detach(), self.codebook.detach())
            if self.training:
                self.renewal.after(indices)
            codes = F.embedding(indices, self.codebook)
            return to_quantized(z, rows, codes, indices, codebook_loss(rows, codes, self.beta, self.legacy))
