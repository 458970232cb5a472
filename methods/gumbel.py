"""Gumbel-softmax: codes are sampled from logits instead of searched by distance."""

from __future__ import annotations

import math
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
from bench.methods.parts.vector_quantizer import Quantizer, to_map, to_rows
from bench.presets import Preset
from bench.registry import methods

HOT, COLD = 1.0, 1 / 16
"""Temperature at the start and at the end of training (dVAE, appendix A.2)."""


class GumbelQuantizer(Quantizer):
    """A straight-through sample from K logits in training, the arg-max in evaluation (taming samples there too)."""

    def __init__(self, codes: int, width: int, divergence: float, steps: int) -> None:
        super().__init__()
        self.divergence, self.total = divergence, steps
        self.logits = nn.Linear(width, codes)
        self.codebook = nn.Parameter(torch.randn(codes, width))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))
        self.steps: Tensor

    @override
    def forward(self, z: Tensor) -> Quantized:
        with torch.autocast(z.device.type, enabled=False):
            logits = self.logits(to_rows(z))
            if self.training:
                noise = torch.rand_like(logits).log_().neg_().log_()  # -Gumbel; torch's own draws exponentials, slowly
                soft = (logits - noise).div_(self.temperature()).softmax(1)  # [N, K]
                self.steps += 1
                indices = soft.argmax(1)
                # straight-through (as F.gumbel_softmax, hard): the chosen code, with the gradient of the soft mixture
                mixed = soft @ self.codebook.detach()
                codes = F.embedding(indices, self.codebook) + (mixed - mixed.detach())
            else:
                indices = logits.argmax(1)
                codes = F.embedding(indices, self.codebook)
            loss = self.divergence * from_uniform(logits)
            return Quantized(to_map(codes, z), indices.view(len(z), *z.shape[2:]), loss)

    def temperature(self) -> float:
        """Temperature of this training step: from hot to cold along half a cosine over the whole training."""
        done = min(1.0, int(self.steps) / self.total)
        return COLD + (HOT - COLD) * 0.5 * (1 + math.cos(math.pi * done))


def from_uniform(logits: Tensor) -> Tensor:
    """Mean KL divergence of the positions' code distributions from the uniform one; logits: [N, K]."""
    log_shares = logits.log_softmax(1)
    return torch.linalg.vecdot(log_shares.exp(), log_shares).mean() + math.log(logits.shape[1])


@methods.register("gumbel")
@dataclass(frozen=True)
class Gumbel(Method):
    """Gumbel-softmax codes: the encoder gives logits over the codes, training samples (dVAE, Ramesh et al. 2021).

    codes: K, by default the preset's. divergence: weight of the KL term, 5e-4 as taming's quantizer has it by default;
    taming's own model of it passes 1e-8. Codes are chosen by logits and not by distance, so there is nothing to
    initialise from features or to revive.
    """

    paper: ClassVar[str] = "arXiv:2102.12092"
    codes: Count | None = None
    divergence: Weight = 5e-4
    perceptual: Perceptual = "auto"

    @override
    def build(self, preset: Preset, dataset: str, text: TextEncoder | None) -> Autoencoder:
        quantizer = GumbelQuantizer(
            preset.codes if self.codes is None else self.codes, preset.width, self.divergence, preset.steps
        )
        return Autoencoder(preset, quantizer, AdversarialObjective(preset, self.perceptual))
