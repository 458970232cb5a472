"""Control: the autoencoder without a quantizer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from typing_extensions import override

from bench.contracts.method import Method, Quantized, TextEncoder
from bench.methods.parts.adversarial import AdversarialObjective, Perceptual
from bench.methods.parts.autoencoder import Autoencoder
from bench.methods.parts.vector_quantizer import Quantizer
from bench.presets import Preset
from bench.registry import methods


class NoQuantizer(Quantizer):
    """Passes a feature map on; its "indices" are the vectors [B, h, w, D], its codebook is empty."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("codebook", torch.empty(0, width), persistent=False)

    @override
    def forward(self, z: Tensor) -> Quantized:
        return Quantized(z, z.permute(0, 2, 3, 1), z.new_zeros(()))


@methods.register("identity")
@dataclass(frozen=True)
class Identity(Method):
    """Control: continuous features, no codebook; what the backbone could do under VQ-GAN's objective."""

    paper: ClassVar[str] = "none"
    control: ClassVar[bool] = True
    discrete: ClassVar[bool] = False
    perceptual: Perceptual = "auto"

    @override
    def build(self, preset: Preset, dataset: str, text: TextEncoder | None) -> Autoencoder:
        objective = AdversarialObjective(preset, self.perceptual)
        return Autoencoder(preset, NoQuantizer(preset.width), objective, discrete=False)
