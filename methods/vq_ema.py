"""VQ-EMA: codes as moving averages of the features they stand for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from typing_extensions import override

from bench.contracts.arguments import Count, Share, Weight
from bench.contracts.method import Method, TextEncoder
from bench.methods.parts.adversarial import AdversarialObjective, Perceptual
from bench.methods.parts.autoencoder import Autoencoder
from bench.methods.parts.codebook_renewal import Init, Revive
from bench.methods.parts.library_quantizer import LibraryQuantizer, RenewedVectorQuantize
from bench.presets import Preset
from bench.registry import methods


@methods.register("vq-ema")
@dataclass(frozen=True)
class VqEma(Method):
    """VQ-EMA: each code follows the mean of the features that choose it (van den Oord et al. 2017, appendix A.1).

    codes: K, by default the preset's. beta: on the commitment term, the only one there is. decay: of the means.
    init, revive: see `bench.methods.parts.codebook_renewal`.
    """

    paper: ClassVar[str] = "arXiv:1711.00937"
    codes: Count | None = None
    beta: Weight = 0.25
    decay: Share = 0.99
    init: Init = "uniform"
    revive: Revive = "none"
    perceptual: Perceptual = "auto"

    @override
    def build(self, preset: Preset, dataset: str, text: TextEncoder | None) -> Autoencoder:
        layer = RenewedVectorQuantize(
            preset.width,
            preset.codes if self.codes is None else self.codes,
            self.beta,
            self.decay,
            self.init,
            self.revive,
        )
        quantizer = LibraryQuantizer(layer, lambda vq: vq.codebook)
        return Autoencoder(preset, quantizer, AdversarialObjective(preset, self.perceptual))
