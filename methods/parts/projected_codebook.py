"""Codes that are vectors seen through one learned linear layer, so that a step moves all of them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from bench.contracts.method import Quantized
from bench.methods.parts.nearest import nearest_codes
from bench.methods.parts.vector_quantizer import Quantizer, codebook_loss, to_quantized, to_rows


class ProjectedCodebook(Quantizer):
    """Nearest-neighbour quantizer of such codes.

    vectors: float32 [K, F]; they learn if they are a parameter, else they are frozen and no part of what is saved.
    beta: on the codebook term, as VQGAN-LC and OptVQ have released it.
    """

    vectors: Tensor

    def __init__(self, vectors: Tensor, width: int, beta: float) -> None:
        super().__init__()
        self.beta = beta
        if isinstance(vectors, nn.Parameter):
            self.vectors = vectors
        else:
            self.register_buffer("vectors", vectors, persistent=False)
        self.layer = nn.Linear(vectors.shape[1], width)

    @property
    def codebook(self) -> Tensor:  # type: ignore[override]  # computed, where others store it
        """Code vectors [K, D], float32 under autocast too."""
        with torch.autocast(self.vectors.device.type, enabled=False):
            return self.layer(self.vectors)

    @override
    def forward(self, z: Tensor) -> Quantized:
        with torch.autocast(z.device.type, enabled=False):
            rows, codebook = to_rows(z), self.codebook
            indices = self.choose(rows.detach(), codebook.detach())
            codes = F.embedding(indices, codebook)
            return to_quantized(z, rows, codes, indices, codebook_loss(rows, codes, self.beta, legacy=True))

    def choose(self, rows: Tensor, codebook: Tensor) -> Tensor:
        """Indices int64 [N] of the codes [K, D] that rows [N, D] get."""
        return nearest_codes(rows, codebook)
