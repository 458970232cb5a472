"""SimVQ: a frozen random codebook seen through one learned linear layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from typing_extensions import override
from vector_quantize_pytorch import SimVQ

from bench.contracts.arguments import Count, Weight
from bench.contracts.method import Method, TextEncoder
from bench.methods.parts.adversarial import AdversarialObjective, Perceptual
from bench.methods.parts.autoencoder import Autoencoder
from bench.methods.parts.library_quantizer import LibraryQuantizer
from bench.presets import Preset
from bench.registry import methods


@methods.register("simvq")
@dataclass(frozen=True)
class SimVq(Method):
    """SimVQ: all codes share one linear layer, so a step moves them all, chosen or not (Zhu et al. 2024).

    codes: K, by default the preset's. beta: on the commitment term. There is nothing to initialise from features or
    to revive: what is learned is the layer, not the codes.
    """

    paper: ClassVar[str] = "arXiv:2411.02038"
    codes: Count | None = None
    beta: Weight = 0.25
    perceptual: Perceptual = "auto"

    @override
    def build(self, preset: Preset, dataset: str, text: TextEncoder | None) -> Autoencoder:
        layer = SimVQ(
            preset.width,
            preset.codes if self.codes is None else self.codes,
            rotation_trick=False,  # an addition of the package
            input_to_quantize_commit_loss_weight=self.beta,
        )
        return Autoencoder(
            preset, LibraryQuantizer(layer, lambda simvq: simvq.codebook), AdversarialObjective(preset, self.perceptual)
        )
