"""VQ-VAE: the plain vector quantizer under a loss on pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor
from typing_extensions import override

from bench.contracts.arguments import Count, Weight
from bench.contracts.method import Method, TextEncoder
from bench.methods.parts.autoencoder import Autoencoder, Objective
from bench.methods.parts.codebook_renewal import Init, Revive
from bench.methods.parts.vector_quantizer import VectorQuantizer
from bench.presets import Preset
from bench.registry import methods


class PixelObjective(Objective):
    """L1 + L2, means over all pixels and channels, weight 1 each.

    It is LG-VQ's released loss for VQ-VAE: its class `VQLPIPS`, perceptual term off.
    """

    @override
    def forward(self, images: Tensor, reconstruction: Tensor, last_weight: Tensor, step: int) -> dict[str, Tensor]:
        return {"l1": F.l1_loss(reconstruction, images), "l2": F.mse_loss(reconstruction, images)}


@methods.register("vqvae")
@dataclass(frozen=True)
class VqVae(Method):
    """VQ-VAE: nearest code, straight-through gradient, L1 + L2 (van den Oord et al. 2017).

    codes: K, by default the preset's. legacy: beta on the codebook term instead of the commitment term, as in the
    released code LG-VQ builds on. init, revive: see `bench.methods.parts.codebook_renewal`.
    """

    paper: ClassVar[str] = "arXiv:1711.00937"
    codes: Count | None = None
    beta: Weight = 0.25
    legacy: bool = True
    init: Init = "uniform"
    revive: Revive = "none"

    @override
    def build(self, preset: Preset, dataset: str, text: TextEncoder | None) -> Autoencoder:
        quantizer = VectorQuantizer(
            preset.codes if self.codes is None else self.codes,
            preset.width,
            self.beta,
            self.legacy,
            self.init,
            self.revive,
        )
        return Autoencoder(preset, quantizer, PixelObjective())
