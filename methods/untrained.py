"""Control: an encoder and a codebook of which nothing is learnt; only the decoder is fitted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor
from typing_extensions import override

from bench.contracts.arguments import Count
from bench.contracts.method import Method, Quantized, TextEncoder
from bench.methods.parts.adversarial import AdversarialObjective, Perceptual
from bench.methods.parts.autoencoder import Autoencoder
from bench.methods.parts.codebook_renewal import sample_rows
from bench.methods.parts.nearest import nearest_codes
from bench.methods.parts.vector_quantizer import Quantizer, to_quantized, to_rows, uniform_codebook
from bench.presets import Preset
from bench.registry import methods


class DrawnFeatures(Quantizer):
    """Nearest of K codes that are K features of the first training batch, drawn at random and never changed.

    Of the starts that learn nothing it is the one that keeps most: at preset `tiny` new images use 0.95 of such codes
    at a perplexity of 310 to 330, and 0.53 to 0.66 at 60 to 100 of the papers' start U(-1/K, 1/K), whose size has
    nothing to do with that of the features. So what this control lacks is learning, not room. Clusters (`kmeans`) would
    be learnt.
    """

    fixed_codebook = True

    def __init__(self, codes: int, width: int) -> None:
        super().__init__()
        self.register_buffer("codebook", uniform_codebook(codes, width))
        self.register_buffer("drawn", torch.zeros((), dtype=torch.bool))
        self.drawn: Tensor

    @override
    def forward(self, z: Tensor) -> Quantized:
        with torch.autocast(z.device.type, enabled=False):
            rows = to_rows(z)
            if self.training and not self.drawn:
                self.codebook.copy_(sample_rows(rows, len(self.codebook)))
                self.drawn.fill_(True)
            indices = nearest_codes(rows, self.codebook)
            return to_quantized(z, rows, F.embedding(indices, self.codebook), indices, z.new_zeros(()))


@methods.register("untrained")
@dataclass(frozen=True)
class Untrained(Method):
    """Control: encoder and codes as they start, frozen; a decoder learns to read them under VQ-GAN's objective.

    Nothing about the codes is learnt: what a task finds in them, the shape of the network and its random start put
    there. codes: K, by default the preset's.
    """

    paper: ClassVar[str] = "none"
    control: ClassVar[bool] = True
    codes: Count | None = None
    perceptual: Perceptual = "auto"

    @override
    def build(self, preset: Preset, dataset: str, text: TextEncoder | None) -> Autoencoder:
        quantizer = DrawnFeatures(preset.codes if self.codes is None else self.codes, preset.width)
        tokenizer = Autoencoder(preset, quantizer, AdversarialObjective(preset, self.perceptual))
        tokenizer.encoder.requires_grad_(False)
        return tokenizer
