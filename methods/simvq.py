"""SimVQ: a frozen random codebook seen through one learned linear layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from vector_quantize_pytorch import SimVQ

from bench.presets import Preset
from bench.registry import methods
from methods.parts.adversarial import AdversarialObjective, Perceptual
from methods.parts.autoencoder import Autoencoder
from methods.parts.library_quantizer import Wrapped


@methods.register("simvq")
@dataclass(frozen=True)
class SimVq:
    """SimVQ: all codes share one linear layer, so a step moves them all, chosen or not (Zhu et al. 2024).

    codes: K, by default the preset's. beta: on the commitment term. There is nothing to initialise from features or
    to revive: what is learned is the layer, not the codes.
    """

    paper: ClassVar[str] = "arXiv:2411.02038"
    needs_text: ClassVar[bool] = False
    control: ClassVar[bool] = False
    codes: int | None = None
    beta: float = 0.25
    perceptual: Perceptual = "auto"

    def build(self, preset: Preset, dataset: str, text: object) -> Autoencoder:  # noqa: ARG002 - a `Method`
        """The untrained tokenizer, under VQ-GAN's objective; no text is read."""
        layer = SimVQ(
            preset.width,
            self.codes or preset.codes,
            rotation_trick=False,  # an addition of the package
            input_to_quantize_commit_loss_weight=self.beta,
        )
        return Autoencoder(
            preset, Wrapped(layer, lambda simvq: simvq.codebook), AdversarialObjective(preset, self.perceptual)
        )
