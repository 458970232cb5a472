"""LFQ: a code is the signs of log2 K values; there is no codebook to learn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from typing_extensions import override
from vector_quantize_pytorch import LFQ

from bench.contracts.arguments import Count, Weight
from bench.contracts.method import Method, TextEncoder
from bench.errors import UsageError
from bench.methods.parts.adversarial import AdversarialObjective, Perceptual
from bench.methods.parts.autoencoder import Autoencoder
from bench.methods.parts.library_quantizer import LibraryQuantizer
from bench.presets import Preset
from bench.registry import methods


@methods.register("lfq")
@dataclass(frozen=True)
class Lfq(Method):
    """LFQ: log2 K values, each quantized to its sign, under an entropy loss (MAGVIT-v2, Yu et al. 2023, section 3.1).

    codes: K, a power of two, by default the preset's. entropy, beta: weights of the entropy loss (confident positions,
    evenly used codes) and of the commitment term, those of Open-MAGVIT2; the paper gives none.
    """

    paper: ClassVar[str] = "arXiv:2310.05737"
    codes: Count | None = None
    entropy: Weight = 0.1
    beta: Weight = 0.25
    perceptual: Perceptual = "auto"

    @override
    def build(self, preset: Preset, dataset: str, text: TextEncoder | None) -> Autoencoder:
        """The untrained tokenizer, under VQ-GAN's objective; no text is read.

        Raises:
            UsageError: K is no power of two.
        """
        size = preset.codes if self.codes is None else self.codes
        if size < 2 or size & (size - 1):
            raise UsageError(f"lfq: {size} codes are no power of two")
        layer = LFQ(
            dim=preset.width,
            codebook_size=size,
            entropy_loss_weight=self.entropy,
            commitment_loss_weight=self.beta,
        )
        quantizer = LibraryQuantizer(layer, lambda lfq: lfq.project_out(lfq.codebook))
        return Autoencoder(preset, quantizer, AdversarialObjective(preset, self.perceptual))
