"""VQ-GAN: the plain vector quantizer under an adversarial objective."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from typing_extensions import override

from bench.contracts.arguments import Count, Weight
from bench.contracts.method import Method, TextEncoder
from bench.methods.parts.adversarial import AdversarialObjective, Perceptual
from bench.methods.parts.autoencoder import Autoencoder
from bench.methods.parts.codebook_renewal import Init, Revive
from bench.methods.parts.vector_quantizer import VectorQuantizer
from bench.presets import Preset
from bench.registry import methods


@methods.register("vqgan")
@dataclass(frozen=True)
class VqGan(Method):
    """VQ-GAN: nearest code, L1 + LPIPS, patch discriminator from a later step on (Esser et al. 2021).

    codes: K, by default the preset's. legacy: beta on the codebook term instead of the commitment term, as released.
    init, revive: see `bench.methods.parts.codebook_renewal`.
    perceptual: "auto" takes VGG's LPIPS with taming's backbone and none with the light one.
    """

    paper: ClassVar[str] = "arXiv:2012.09841"
    codes: Count | None = None
    beta: Weight = 0.25
    legacy: bool = True
    init: Init = "uniform"
    revive: Revive = "none"
    perceptual: Perceptual = "auto"

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
        return Autoencoder(preset, quantizer, AdversarialObjective(preset, self.perceptual))
