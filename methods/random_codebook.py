"""Control: a codebook that is drawn at random and never learned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor
from typing_extensions import override

from bench.contracts.arguments import Count
from bench.contracts.method import Method, Quantized, TextEncoder
from bench.methods.parts.adversarial import AdversarialObjective, Perceptual
from bench.methods.parts.autoencoder import Autoencoder
from bench.methods.parts.vector_quantizer import Quantizer, VectorQuantizer
from bench.presets import Preset
from bench.registry import methods


class FrozenDirections(Quantizer):
    """Nearest of K random directions that never move.

    Features are scaled to length one first. Without that the code nearest to the origin takes every feature of a young
    encoder, the commitment loss keeps them there, and the control would show a collapse instead of a random codebook.
    """

    fixed_codebook = True

    def __init__(self, codes: int, width: int) -> None:
        super().__init__()
        self.quantizer = VectorQuantizer(codes, width)
        self.quantizer.codebook.requires_grad_(False).copy_(F.normalize(torch.randn(codes, width), dim=1))

    @property
    def codebook(self) -> Tensor:  # type: ignore[override]  # the inner quantizer's
        """Code vectors [K, D], each of length one."""
        return self.quantizer.codebook

    @override
    def forward(self, z: Tensor) -> Quantized:
        return self.quantizer(F.normalize(z.float(), dim=1))


@methods.register("random-codebook")
@dataclass(frozen=True)
class RandomCodebook(Method):
    """Control: random directions as codes, drawn once and frozen; encoder and decoder learn around them.

    codes: K, by default the preset's.
    """

    paper: ClassVar[str] = "none"
    control: ClassVar[bool] = True
    codes: Count | None = None
    perceptual: Perceptual = "auto"

    @override
    def build(self, preset: Preset, dataset: str, text: TextEncoder | None) -> Autoencoder:
        quantizer = FrozenDirections(preset.codes if self.codes is None else self.codes, preset.width)
        return Autoencoder(preset, quantizer, AdversarialObjective(preset, self.perceptual))
