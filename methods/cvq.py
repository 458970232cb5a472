"""CVQ: online clustered codebook, whose rarely chosen codes move to features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from bench.contracts.arguments import Count, Weight
from bench.contracts.method import Method, Quantized, TextEncoder
from bench.methods.parts.adversarial import AdversarialObjective, Perceptual
from bench.methods.parts.autoencoder import Autoencoder
from bench.methods.parts.codebook_renewal import Init, Renewal, sample_rows
from bench.methods.parts.vector_quantizer import Quantizer, codebook_loss, to_quantized, to_rows, uniform_codebook
from bench.presets import Preset
from bench.registry import methods

Distance = Literal["l2", "cos"]
Anchor = Literal["closest", "probrandom", "random"]

DECAY = 0.99
"""Decay of the running mean of how often a code is chosen."""
TEMPERATURE = 0.07
"""Temperature of the contrastive loss."""


def similarity(rows: Tensor, codebook: Tensor, distance: Distance) -> Tensor:
    """Negative squared distances, or cosines, of rows [N, D] to codes [K, D]: [N, K], larger is nearer.

    No gradient reaches the rows.
    """
    rows = rows.detach()
    if distance == "cos":
        return F.normalize(rows, dim=1) @ F.normalize(codebook, dim=1).T
    return 2 * rows @ codebook.T - rows.square().sum(1, keepdim=True) - codebook.square().sum(1)


def contrastive_loss(near: Tensor) -> Tensor:
    """Each code is to be nearer to its nearest rows (N/K of them) than to the farther half; near: [N, K]."""
    count, codes = near.shape
    ordered = near.sort(dim=0).values  # [N, K], each code's rows from the farthest to the nearest
    positive = ordered[-max(1, count // codes) :].mean(0, keepdim=True)  # [1, K]
    logits = torch.cat([positive, ordered[: count // 2]]).T / TEMPERATURE  # [K, 1 + N / 2]
    return F.cross_entropy(logits, torch.zeros(codes, dtype=torch.int64, device=near.device))


class ClusterQuantizer(Quantizer):
    """Nearest-neighbour quantizer that moves rarely chosen codes to features, each training step (eq. 3-6).

    It holds all N x K similarities, which choosing anchors needs. init: see `Renewal`, whose `revive` would double what
    this quantizer does itself.
    """

    def __init__(
        self,
        codes: int,
        width: int,
        beta: float,
        distance: Distance,
        anchor: Anchor,
        contrastive: bool,
        init: Init = "uniform",
    ) -> None:
        super().__init__()
        self.beta, self.distance, self.anchor, self.contrastive = beta, distance, anchor, contrastive
        self.renewal = Renewal(codes, init, "none")
        self.codebook = nn.Parameter(uniform_codebook(codes, width))
        self.register_buffer("chosen", torch.zeros(codes))
        self.register_buffer("pool", uniform_codebook(codes, width))
        self.chosen: Tensor
        self.pool: Tensor

    @override
    def forward(self, z: Tensor) -> Quantized:
        with torch.autocast(z.device.type, enabled=False):
            rows = to_rows(z)
            if self.training:
                self.renewal.before(rows.detach(), self.codebook)
            # a copy: the codebook moves below, before the backward pass asks for what it was
            codebook = self.codebook.clone()
            near = similarity(rows, codebook, self.distance)
            indices = near.argmax(1)
            codes = F.embedding(indices, codebook)
            loss = codebook_loss(rows, codes, self.beta, legacy=False)
            if self.training:
                if self.contrastive:
                    loss = loss + contrastive_loss(near)
                self._move(rows.detach(), near.detach(), indices)
            return to_quantized(z, rows, codes, indices, loss)

    @torch.no_grad()
    def _move(self, rows: Tensor, near: Tensor, indices: Tensor) -> None:
        """Pull each code towards its anchor, the more the less often it is chosen."""
        count = len(self.codebook)
        share = torch.zeros_like(self.chosen).index_add_(0, indices, rows.new_ones(len(rows))) / len(rows)
        self.chosen.lerp_(share, 1 - DECAY)
        anchors = self._anchors(rows, near)
        pull = torch.exp(-self.chosen * count * 10 / (1 - DECAY) - 1e-3)[:, None]
        self.codebook.lerp_(anchors, pull)

    def _anchors(self, rows: Tensor, near: Tensor) -> Tensor:
        """The feature [K, D] that each code is pulled to; rows: [N, D], near: [N, K]."""
        if self.anchor == "closest":
            return rows[near.argmax(0)]
        if self.anchor == "probrandom":
            # as torch.multinomial, which draws N numbers for each code where one is enough
            shares = near.T.softmax(1).cumsum(1)  # [K, N]
            drawn = torch.rand(len(shares), 1, device=shares.device) * shares[:, -1:]
            return rows[torch.searchsorted(shares, drawn)[:, 0]]
        # "random": from a pool of K features, of which each batch replaces as many as it has
        fresh = sample_rows(rows, min(len(rows), len(self.pool)))
        self.pool[torch.randperm(len(self.pool), device=rows.device)[: len(fresh)]] = fresh
        return self.pool


@methods.register("cvq")
@methods.register("cvq-l2-contrastive", arguments={"distance": "l2", "contrastive": True})
@dataclass(frozen=True)
class Cvq(Method):
    """CVQ: codes that are rarely chosen move to features of the batch (Zheng & Vedaldi 2023).

    "cvq" has the defaults of its authors' class; the commands that they give take `anchor="closest"`.
    "cvq-l2-contrastive" is the baseline of LG-VQ's released code.
    codes: K, by default the preset's. init: see `bench.methods.parts.codebook_renewal`.
    """

    paper: ClassVar[str] = "arXiv:2307.15139"
    codes: Count | None = None
    beta: Weight = 0.25
    distance: Distance = "cos"
    anchor: Anchor = "probrandom"
    contrastive: bool = False
    init: Init = "uniform"
    perceptual: Perceptual = "auto"

    @override
    def build(self, preset: Preset, dataset: str, text: TextEncoder | None) -> Autoencoder:
        codes = preset.codes if self.codes is None else self.codes
        quantizer = ClusterQuantizer(
            codes, preset.width, self.beta, self.distance, self.anchor, self.contrastive, self.init
        )
        return Autoencoder(preset, quantizer, AdversarialObjective(preset, self.perceptual))
