"""RVQ: several codes a position, each for what the ones before left over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn
from typing_extensions import override
from vector_quantize_pytorch import ResidualVQ

from bench.contracts.arguments import Count, Share, Weight
from bench.contracts.method import Method, TextEncoder
from bench.methods.parts.adversarial import AdversarialObjective, Perceptual
from bench.methods.parts.autoencoder import Autoencoder
from bench.methods.parts.codebook_renewal import Init, Revive
from bench.methods.parts.library_quantizer import LibraryQuantizer, RenewedVectorQuantize
from bench.presets import Preset
from bench.registry import methods


@methods.register("rvq")
@dataclass(frozen=True)
class Rvq(Method):
    """RVQ: residual quantization, a codebook of moving averages a level (Zeghidour et al. 2021, algorithm 1).

    It spends `levels` times the tokens and bits of the other methods, so compare at equal bits/pixel.
    codes: K of each level, by default the preset's. beta: on the commitment terms. decay: of the means.
    init, revive: of each level, see `bench.methods.parts.codebook_renewal`.
    """

    paper: ClassVar[str] = "arXiv:2107.03312"
    codes: Count | None = None
    levels: Count = 2
    beta: Weight = 0.25
    decay: Share = 0.99
    init: Init = "uniform"
    revive: Revive = "none"
    perceptual: Perceptual = "auto"

    @override
    def build(self, preset: Preset, dataset: str, text: TextEncoder | None) -> Autoencoder:
        codes = preset.codes if self.codes is None else self.codes
        with torch.random.fork_rng(devices=[]):  # its own layers are replaced, so their random draws shall not count
            residual = ResidualVQ(dim=preset.width, num_quantizers=self.levels, codebook_size=codes)
        residual.layers = nn.ModuleList(
            RenewedVectorQuantize(preset.width, codes, self.beta, self.decay, self.init, self.revive)
            for _ in range(self.levels)
        )
        quantizer = LibraryQuantizer(residual, lambda rvq: rvq.codebooks)
        return Autoencoder(preset, quantizer, AdversarialObjective(preset, self.perceptual))
