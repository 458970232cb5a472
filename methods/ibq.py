"""IBQ: a softmax over all codes carries the gradient to each of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from bench.contracts.arguments import Count, Weight
from bench.contracts.method import Method, Quantized, TextEncoder
from bench.methods.parts.adversarial import AdversarialObjective, Perceptual
from bench.methods.parts.autoencoder import Autoencoder
from bench.methods.parts.codebook_renewal import Init, Renewal, Revive
from bench.methods.parts.vector_quantizer import Quantizer, to_map, to_rows
from bench.presets import Preset
from bench.registry import methods

TEMPERATURE = 0.01
"""Temperature of the entropy loss, as released."""
TINY = 1e-5
"""Added to a share before its logarithm is taken, as released."""


class IndexQuantizer(Quantizer):
    """The code with the largest dot product, with the gradient of a softmax over all codes (eq. 4-7).

    It holds N x K probabilities. The released double quantization loss has beta on the codebook's side and a third
    term that goes through the soft index; so has this class.
    """

    def __init__(self, codes: int, width: int, beta: float, entropy: float, init: Init, revive: Revive) -> None:
        super().__init__()
        self.beta, self.entropy = beta, entropy
        self.codebook = nn.Parameter(torch.randn(codes, width))
        self.renewal = Renewal(codes, init, revive)

    @override
    def forward(self, z: Tensor) -> Quantized:
        with torch.autocast(z.device.type, enabled=False):
            rows = to_rows(z)
            if self.training:
                self.renewal.before(rows.detach(), self.codebook)
            logits = rows @ self.codebook.T
            indices = logits.argmax(1)
            if self.training:
                self.renewal.after(indices)
            codes = F.embedding(indices, self.codebook)
            # forward the chosen code; backward the softmax's gradient to the features and to every code
            shares = logits.softmax(1)
            soft = codes + (shares - shares.detach()) @ self.codebook
            loss = F.mse_loss(soft, rows) + F.mse_loss(rows, codes.detach())
            loss = loss + self.beta * F.mse_loss(codes, rows.detach()) + self.entropy * entropy_loss(logits)
            return Quantized(to_map(soft, z), indices.view(len(z), *z.shape[2:]), loss)


def entropy_loss(logits: Tensor) -> Tensor:
    """Mean entropy of the positions' code distributions minus the entropy of their mean; logits: [N, K]."""
    log_shares = (logits / TEMPERATURE).log_softmax(1)
    shares = log_shares.exp()
    mean = shares.mean(0)
    # a code far from all features has a share of exactly 0, whose logarithm has no gradient
    of_positions, of_mean = -(shares * log_shares).sum(1).mean(), -(mean * (mean + TINY).log()).sum()
    return of_positions - of_mean


@methods.register("ibq")
@dataclass(frozen=True)
class Ibq(Method):
    """IBQ: index backpropagation, every code gets a gradient at every step (Shi et al. 2024).

    codes: K, by default the preset's. beta, entropy: weights as released. init, revive: see
    `methods/parts/codebook_renewal.py`; the paper's own start ("uniform" here, as for the others) is a standard normal.
    """

    paper: ClassVar[str] = "arXiv:2412.02692"
    codes: Count | None = None
    beta: Weight = 0.25
    entropy: Weight = 0.05
    init: Init = "uniform"
    revive: Revive = "none"
    perceptual: Perceptual = "auto"

    @override
    def build(self, preset: Preset, dataset: str, text: TextEncoder | None) -> Autoencoder:
        quantizer = IndexQuantizer(
            preset.codes if self.codes is None else self.codes,
            preset.width,
            self.beta,
            self.entropy,
            self.init,
            self.revive,
        )
        return Autoencoder(preset, quantizer, AdversarialObjective(preset, self.perceptual))
