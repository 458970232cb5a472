"""VQ-EMA: codes as moving averages of the features they stand for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from vector_quantize_pytorch import VectorQuantize

from bench.presets import Preset
from bench.registry import methods
from methods.parts.adversarial import AdversarialObjective, Perceptual
from methods.parts.autoencoder import Autoencoder
from methods.parts.codebook_renewal import Init, Revive
from methods.parts.library_quantizer import Wrapped, renewed


@methods.register("vq-ema")
@dataclass(frozen=True)
class VqEma:
    """VQ-EMA: each code follows the mean of the features that choose it (van den Oord et al. 2017, appendix A.1).

    codes: K, by default the preset's. beta: on the commitment term, the only one there is. decay: of the means.
    init, revive: see `methods.parts.codebook_renewal`.
    """

    paper: ClassVar[str] = "arXiv:1711.00937"
    needs_text: ClassVar[bool] = False
    control: ClassVar[bool] = False
    codes: int | None = None
    beta: float = 0.25
    decay: float = 0.99
    init: Init = "uniform"
    revive: Revive = "none"
    perceptual: Perceptual = "auto"

    def build(self, preset: Preset, dataset: str, text: object) -> Autoencoder:  # noqa: ARG002 - a `Method`
        """The untrained tokenizer, under VQ-GAN's objective; no text is read."""
        layer = VectorQuantize(
            preset.width,
            self.codes or preset.codes,
            decay=self.decay,
            commitment_weight=self.beta,
            rotation_trick=False,  # plain straight-through, as in the paper
        )
        quantizer = Wrapped(renewed(layer, self.init, self.revive), lambda vq: vq.codebook)
        return Autoencoder(preset, quantizer, AdversarialObjective(preset, self.perceptual))
