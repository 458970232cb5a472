"""RVQ: several codes a position, each for what the ones before left over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from vector_quantize_pytorch import ResidualVQ

from bench.presets import Preset
from bench.registry import methods
from methods.parts.adversarial import AdversarialObjective, Perceptual
from methods.parts.autoencoder import Autoencoder
from methods.parts.codebook_renewal import Init, Revive
from methods.parts.library_quantizer import Wrapped, renewed


@methods.register("rvq")
@dataclass(frozen=True)
class Rvq:
    """RVQ: residual quantization, a codebook of moving averages a level (Zeghidour et al. 2021, algorithm 1).

    It spends `levels` times the tokens and bits of the other methods, so compare at equal bits/pixel.
    codes: K of each level, by default the preset's. beta: on the commitment terms. decay: of the means.
    init, revive: of each level, see `methods.parts.codebook_renewal`.
    """

    paper: ClassVar[str] = "arXiv:2107.03312"
    needs_text: ClassVar[bool] = False
    control: ClassVar[bool] = False
    codes: int | None = None
    levels: int = 2
    beta: float = 0.25
    decay: float = 0.99
    init: Init = "uniform"
    revive: Revive = "none"
    perceptual: Perceptual = "auto"

    def build(self, preset: Preset, dataset: str, text: object) -> Autoencoder:  # noqa: ARG002 - a `Method`
        """The untrained tokenizer, under VQ-GAN's objective; no text is read."""
        residual = ResidualVQ(
            dim=preset.width,
            num_quantizers=self.levels,
            codebook_size=self.codes or preset.codes,
            decay=self.decay,
            commitment_weight=self.beta,
            rotation_trick=False,
        )
        for layer in residual.layers:
            renewed(layer, self.init, self.revive)
        quantizer = Wrapped(residual, lambda rvq: rvq.codebooks)
        return Autoencoder(preset, quantizer, AdversarialObjective(preset, self.perceptual))
