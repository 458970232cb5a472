"""Control: a codebook nobody learned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.contracts.method import Quantized
from bench.presets import Preset
from bench.registry import methods
from methods.parts.adversarial import AdversarialObjective, Perceptual
from methods.parts.autoencoder import Autoencoder
from methods.parts.vector_quantizer import VectorQuantizer


class FrozenDirections(nn.Module):
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
    def codebook(self) -> Tensor:
        """[K, D], each of length one."""
        return self.quantizer.codebook

    def forward(self, z: Tensor) -> Quantized:
        """[B, D, h, w]"""
        quantized: Quantized = self.quantizer(F.normalize(z.float(), dim=1))
        return quantized


@methods.register("random-codebook")
@dataclass(frozen=True)
class RandomCodebook:
    """Control: random directions as codes, drawn once and frozen; encoder and decoder learn around them.

    codes: K, by default the preset's.
    """

    paper: ClassVar[str] = "none"
    needs_text: ClassVar[bool] = False
    control: ClassVar[bool] = True
    codes: int | None = None
    perceptual: Perceptual = "auto"

    def build(self, preset: Preset, dataset: str, text: object) -> Autoencoder:  # noqa: ARG002 - a `Method`
        """The untrained tokenizer, under VQ-GAN's objective; no text is read."""
        quantizer = FrozenDirections(self.codes or preset.codes, preset.width)
        return Autoencoder(preset, quantizer, AdversarialObjective(preset, self.perceptual))
