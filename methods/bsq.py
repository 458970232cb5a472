"""BSQ: a code is the signs of log2 K values on a sphere; there is no codebook to learn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from bench.contracts.arguments import Count, Temperature, Weight
from bench.contracts.method import Method, Quantized, TextEncoder
from bench.errors import UsageError
from bench.methods.parts.adversarial import AdversarialObjective, Perceptual
from bench.methods.parts.autoencoder import Autoencoder
from bench.methods.parts.vector_quantizer import Quantizer, to_map, to_rows
from bench.presets import Preset
from bench.registry import methods

TINY = 1e-8
"""Added to a share before its logarithm is taken, as released."""


class SphericalQuantizer(Quantizer):
    """Features are projected to L values and to length one; each value becomes its sign over sqrt(L).

    The gradient passes the sign as if it were not there and keeps the factor 1 / sqrt(L), as released; the package
    vector-quantize-pytorch has no factor.
    """

    bits: Tensor

    def __init__(self, codes: int, width: int, entropy: float, diversity: float, temperature: float) -> None:
        super().__init__()
        length = codes.bit_length() - 1
        self.entropy, self.diversity, self.temperature = entropy, diversity, temperature
        self.inward, self.outward = nn.Linear(width, length), nn.Linear(length, width)
        # the first value is the highest bit, as released
        self.register_buffer("bits", 2 ** torch.arange(length - 1, -1, -1), persistent=False)

    @property
    def codebook(self) -> Tensor:  # type: ignore[override]  # computed, where others store it
        """Code vectors [K, D]: all corners of the cube in the sphere, projected to the common width."""
        with torch.autocast(self.bits.device.type, enabled=False):
            indices = torch.arange(2 ** len(self.bits), device=self.bits.device)
            signs = (indices[:, None] & self.bits).ne(0).to(self.outward.weight.dtype) * 2 - 1
            return self.outward(signs / len(self.bits) ** 0.5)

    @override
    def forward(self, z: Tensor) -> Quantized:
        with torch.autocast(z.device.type, enabled=False):
            points = F.normalize(self.inward(to_rows(z)), dim=1)  # [N, L]
            positive = points > 0
            indices = (positive * self.bits).sum(1)
            signs = points + (positive.to(points.dtype) * 2 - 1 - points).detach()
            loss = self.entropy * entropy_loss(points, self.diversity, self.temperature)
            codes = self.outward(signs / len(self.bits) ** 0.5)
            return Quantized(to_map(codes, z), indices.view(len(z), *z.shape[2:]), loss)


def entropy_loss(points: Tensor, diversity: float, temperature: float) -> Tensor:
    """Mean entropy of a position's soft code minus `diversity` times the entropy of the mean one, times `temperature`.

    The soft code is a softmax over all codes of twice the dot product over the temperature. It falls into one factor a
    bit, with the logit 4 u / (sqrt(L) temperature), so the first entropy is a sum over bits. The second is taken as
    such a sum too, which bounds it from above: the released setting of one bit a group.

    points: [N, L], of length one.
    """
    logits = 4 * points / (points.shape[1] ** 0.5 * temperature)
    shares = torch.stack([logits.sigmoid(), (-logits).sigmoid()])  # [2, N, L]
    mean = shares.mean(1)  # [2, L]
    of_positions = -(shares * (shares + TINY).log()).sum((0, 2)).mean()
    of_mean = -(mean * (mean + TINY).log()).sum()
    return temperature * (of_positions - diversity * of_mean)


@methods.register("bsq")
@dataclass(frozen=True)
class Bsq(Method):
    """BSQ: log2 K values on a sphere, each quantized to its sign, under an entropy loss (Zhao et al. 2024, section 4).

    The released settings: no commitment loss, whose bound the sphere makes unnecessary; soft codes at temperature 1;
    both entropies weigh the same, and their difference 0.1. Left out is that this weight is three times as large at the
    start (a 500th of the released training). The network is the shared one, where the paper has a ViT and StyleGAN's
    discriminator.

    codes: K, a power of two, by default the preset's. entropy: weight of the entropy loss. diversity: of the evenly
    used codes in it (the paper's gamma). temperature: of the soft codes.
    """

    paper: ClassVar[str] = "arXiv:2406.07548"
    codes: Count | None = None
    entropy: Weight = 0.1
    diversity: Weight = 1.0
    temperature: Temperature = 1.0
    perceptual: Perceptual = "auto"

    @override
    def build(self, preset: Preset, dataset: str, text: TextEncoder | None) -> Autoencoder:
        """The untrained tokenizer, under VQ-GAN's objective; no text is read.

        Raises:
            UsageError: K is no power of two.
        """
        size = preset.codes if self.codes is None else self.codes
        if size < 2 or size & (size - 1):
            raise UsageError(f"bsq: {size} codes are no power of two")
        quantizer = SphericalQuantizer(size, preset.width, self.entropy, self.diversity, self.temperature)
        return Autoencoder(preset, quantizer, AdversarialObjective(preset, self.perceptual))
