"""VQ-VAE."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from bench.presets import Preset
from bench.registry import methods
from methods.parts.autoencoder import Autoencoder
from methods.parts.codebook_renewal import Init, Revive
from methods.parts.vector_quantizer import VectorQuantizer


class PixelObjective(nn.Module):
    """L1 + L2, weight 1 each: LG-VQ's released loss for VQ-VAE (its class `VQLPIPS`, perceptual term off)."""

    def forward(self, images: Tensor, reconstruction: Tensor, last_weight: Tensor, step: int) -> dict[str, Tensor]:  # noqa: ARG002 - an `Objective`
        """Means over all pixels and channels."""
        return {"l1": F.l1_loss(reconstruction, images), "l2": F.mse_loss(reconstruction, images)}


@methods.register("vqvae")
@dataclass(frozen=True)
class VqVae:
    """VQ-VAE: nearest code, straight-through gradient, L1 + L2 (van den Oord et al. 2017).

    codes: K, by default the preset's. legacy: beta on the codebook term instead of the commitment term, as in the
    released code LG-VQ builds on. init, revive: see `methods.parts.codebook_renewal`.
    """

    paper: ClassVar[str] = "arXiv:1711.00937"
    needs_text: ClassVar[bool] = False
    control: ClassVar[bool] = False
    codes: int | None = None
    beta: float = 0.25
    legacy: bool = True
    init: Init = "uniform"
    revive: Revive = "none"

    def build(self, preset: Preset, dataset: str, text: object) -> Autoencoder:  # noqa: ARG002 - a `Method`
        """The untrained tokenizer; no text is read."""
        quantizer = VectorQuantizer(
            self.codes or preset.codes, preset.width, self.beta, self.legacy, self.init, self.revive
        )
        return Autoencoder(preset, quantizer, PixelObjective())
