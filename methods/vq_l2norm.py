"""VQ-l2norm: codes of few dimensions and length one, chosen by cosine."""

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


@methods.register("vq-l2norm")
@dataclass(frozen=True)
class VqL2Norm(Method):
    """VQ-l2norm: factorized codes of length one, chosen by cosine (ViT-VQGAN, Yu et al. 2021, section 3.2).

    The codes follow moving averages, as in the package this wraps; in the paper they follow the codebook loss.
    codes: K, by default the preset's. code_width: of the space in which codes are chosen; 32 in the paper, 8 in
    LlamaGen and most later work. beta: on the commitment term. decay: of the means.
    init, revive: see `bench.methods.parts.codebook_renewal`.
    """

    paper: ClassVar[str] = "arXiv:2110.04627"
    codes: Count | None = None
    code_width: Count = 8
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
            code_width=self.code_width,
            cosine=True,
        )
        # what the decoder and the tasks see is a code after its projection to the common width
        quantizer = LibraryQuantizer(layer, lambda vq: vq.project_out(vq.codebook))
        return Autoencoder(preset, quantizer, AdversarialObjective(preset, self.perceptual))
