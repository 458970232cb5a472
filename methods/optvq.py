"""OptVQ: while it trains, optimal transport shares the features out among all codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from typing_extensions import override

from bench.contracts.arguments import Count, Weight
from bench.contracts.method import Method, TextEncoder
from bench.methods.parts.adversarial import AdversarialObjective, Perceptual
from bench.methods.parts.autoencoder import Autoencoder
from bench.methods.parts.projected_codebook import ProjectedCodebook
from bench.methods.parts.sinkhorn import normalised_cost, transport_plan
from bench.presets import Preset
from bench.registry import methods


class TransportQuantizer(ProjectedCodebook):
    """In training a feature gets the code with its largest share in a transport plan of the batch, else the nearest.

    The codes are learned vectors behind one learned linear layer, as released. It holds N x K shares.
    """

    def __init__(self, codes: int, width: int, beta: float, sharpness: float, iterations: int) -> None:
        super().__init__(nn.Parameter(torch.randn(codes, width)), width, beta)
        self.sharpness, self.iterations = sharpness, iterations
        nn.init.normal_(self.layer.weight, std=width**-0.5)

    @override
    def choose(self, rows: Tensor, codebook: Tensor) -> Tensor:
        if not self.training:
            return super().choose(rows, codebook)
        cost = normalised_cost(torch.cdist(rows, codebook))
        return transport_plan(cost, self.sharpness, self.iterations).argmax(1)


@methods.register("optvq")
@dataclass(frozen=True)
class OptVq(Method):
    """OptVQ: codes are assigned by optimal transport over the batch, so that none is left out (Zhang et al. 2024).

    As released: distances (not squared) in units of their deviation, Sinkhorn's algorithm, the largest share wins,
    beta on the codebook term, learned codes behind a learned linear layer that start as the released class starts them.
    What differs:

    - A position gets one code; there, 4 or 8 codes for as many parts of its vector, which is 4 or 8 times the bits.
    - The plan is used in training only. There it also encodes test images, which makes an image's codes depend on the
      batch that it stands in; here an image gets its nearest codes.
    - The codebook does not begin with clusters of features, as the released ImageNet runs do.

    codes: K, by default the preset's. sharpness, iterations: of Sinkhorn's algorithm, as released.
    """

    paper: ClassVar[str] = "arXiv:2412.15195"
    codes: Count | None = None
    beta: Weight = 0.25
    sharpness: Weight = 10.0
    iterations: Count = 5
    perceptual: Perceptual = "auto"

    @override
    def build(self, preset: Preset, dataset: str, text: TextEncoder | None) -> Autoencoder:
        codes = preset.codes if self.codes is None else self.codes
        quantizer = TransportQuantizer(codes, preset.width, self.beta, self.sharpness, self.iterations)
        return Autoencoder(preset, quantizer, AdversarialObjective(preset, self.perceptual))
