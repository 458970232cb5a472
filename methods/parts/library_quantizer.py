"""Quantizers of the package vector-quantize-pytorch behind our own interface."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from typing_extensions import override
from vector_quantize_pytorch import VectorQuantize

from bench.contracts.method import Quantized
from bench.methods.parts.codebook_renewal import Init, Renewal, Revive
from bench.methods.parts.vector_quantizer import Quantizer


class LibraryQuantizer(Quantizer):
    """A layer of the package as a quantizer of feature maps.

    layer: maps float32 [B, N, D] to (quantized [B, N, D], indices [B, N] or [B, N, L]) and, unless it has none, losses.
    codebook_of: reads the layer's codes in the space of its output, [K, D] or [L, K, D].
    """

    def __init__(self, layer: nn.Module, codebook_of: Callable[[Any], Tensor]) -> None:
        super().__init__()
        self.layer, self._codebook_of = layer, codebook_of

    @property
    def codebook(self) -> Tensor:  # type: ignore[override]  # the layer's
        """Code vectors [K, D], or [L, K, D] for residual levels."""
        return self._codebook_of(self.layer)

    @override
    def forward(self, z: Tensor) -> Quantized:
        batch, width, height, across = z.shape
        with torch.autocast(z.device.type, enabled=False):
            quantized, indices, *losses = self.layer(z.float().flatten(2).transpose(1, 2))
            loss = sum((part.sum() for part in losses), z.new_zeros((), dtype=torch.float32))
        through = quantized.transpose(1, 2).reshape(batch, width, height, across)
        return Quantized(through, indices.long().reshape(batch, height, across, *indices.shape[2:]), loss)


class RenewedVectorQuantize(VectorQuantize):
    """The package's layer of moving averages, its codes renewed as those of our own quantizers are.

    The package has rules of its own for new codes; they are not used. This class reads and writes the package's private
    `_codebook` and its `embed`, `cluster_size`, `embed_avg` and `transform_input`.

    code_width: of the space in which codes are chosen, by default `width`. cosine: choose by cosine, codes of length
    one. beta: on the commitment term. decay: of the means. init, revive: see `Renewal`.
    """

    def __init__(
        self,
        width: int,
        codes: int,
        beta: float,
        decay: float,
        init: Init,
        revive: Revive,
        code_width: int | None = None,
        cosine: bool = False,
    ) -> None:
        super().__init__(
            width,
            codes,
            codebook_dim=code_width,
            use_cosine_sim=cosine,
            decay=decay,
            commitment_weight=beta,
            rotation_trick=False,  # plain straight-through, as in the papers
        )
        self.renewal = Renewal(codes, init, revive)

    @override
    def forward(self, x: Tensor, **options: Any) -> tuple[Tensor, ...]:
        """As the package's layer; x: [B, N, D]. The options are the package's, which its residual layer gives."""
        if not self.training:
            return super().forward(x, **options)
        self._renew(x)
        outputs: tuple[Tensor, ...] = super().forward(x, **options)
        self.renewal.after(outputs[1])
        return outputs

    @torch.no_grad()
    def _renew(self, x: Tensor) -> None:
        """Before codes are chosen: change the codebook where it is due."""
        codes = self._codebook
        rows = codes.transform_input(self.project_in(x)).flatten(0, -2)  # [B * N, code width]
        new = self.renewal.before(rows, codes.embed[0])
        codes.embed[0].copy_(codes.transform_input(codes.embed[0]))  # means of directions are no directions yet
        codes.cluster_size[0, new] = 1  # a new code's moving averages begin with itself
        codes.embed_avg[0, new] = codes.embed[0, new]
