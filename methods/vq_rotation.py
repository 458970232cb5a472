"""Rotation trick: gradients pass a code as its vector did on the way to it, turned and scaled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor
from typing_extensions import override
from vector_quantize_pytorch.vector_quantize_pytorch import rotate_to

from bench.contracts.arguments import Count, Weight
from bench.contracts.method import Method, Quantized, TextEncoder
from bench.methods.parts.adversarial import AdversarialObjective, Perceptual
from bench.methods.parts.autoencoder import Autoencoder
from bench.methods.parts.codebook_renewal import Init, Revive
from bench.methods.parts.vector_quantizer import VectorQuantizer, to_map, to_rows
from bench.presets import Preset
from bench.registry import methods


class RotatingQuantizer(VectorQuantizer):
    """The plain quantizer with another backward pass than straight-through (section 4.2).

    For a vector e and its code q the result is (|q| / |e|) R e, which is q; R is the rotation of e onto q in the plane
    of both. R and the ratio of lengths are constants to the gradient, so that it is turned and scaled like the vector.
    """

    @override
    def forward(self, z: Tensor) -> Quantized:
        plain = super().forward(z)
        with torch.autocast(z.device.type, enabled=False):
            codes = F.embedding(plain.indices.flatten(), self.codebook.detach())
            return plain._replace(quantized=to_map(rotate_to(to_rows(z), codes), z))


@methods.register("vq-rotation")
@dataclass(frozen=True)
class VqRotation(Method):
    """VQ-GAN whose encoder gets gradients by the rotation trick (Fifty et al. 2024).

    Losses, codebook and objective are those of `vqgan`, as in the paper's VQ-GAN; only the gradient that the decoder
    sends to the encoder differs. As in the paper's equation and its code for VQ-VAE, the vector's own length is a
    constant too. The authors' code for VQ-GAN lets the gradient pass it, and so drops what would change the length.

    codes: K, by default the preset's. legacy: beta on the codebook term instead of the commitment term, as released.
    init, revive: see `bench.methods.parts.codebook_renewal`.
    """

    paper: ClassVar[str] = "arXiv:2410.06424"
    codes: Count | None = None
    beta: Weight = 0.25
    legacy: bool = True
    init: Init = "uniform"
    revive: Revive = "none"
    perceptual: Perceptual = "auto"

    @override
    def build(self, preset: Preset, dataset: str, text: TextEncoder | None) -> Autoencoder:
        quantizer = RotatingQuantizer(
            preset.codes if self.codes is None else self.codes,
            preset.width,
            self.beta,
            self.legacy,
            self.init,
            self.revive,
        )
        return Autoencoder(preset, quantizer, AdversarialObjective(preset, self.perceptual))
