"""Control: a codebook nobody learned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from bench.presets import Preset
from bench.registry import methods
from methods.adversarial import AdversarialObjective, Perceptual
from methods.autoencoder import Autoencoder
from methods.quantizers import VectorQuantizer


@methods.register("random-codebook")
@dataclass(frozen=True)
class RandomCodebook:
    """Control: codes drawn once from a standard normal and frozen; encoder and decoder learn around them.

    The commitment loss keeps its weight of 1 (`legacy`), so all that differs from VQ-GAN is the codebook.
    """

    paper: ClassVar[str] = "none"
    needs_text: ClassVar[bool] = False
    control: ClassVar[bool] = True
    perceptual: Perceptual = "auto"

    def build(self, preset: Preset, dataset: str, text: object) -> Autoencoder:  # noqa: ARG002 - a `Method`
        """The untrained tokenizer; no text is read."""
        quantizer = VectorQuantizer(preset.codes, preset.width)
        nn.init.normal_(quantizer.codebook.requires_grad_(False))
        return Autoencoder(preset, quantizer, AdversarialObjective(preset, self.perceptual))
