"""Quantizers of the package vector-quantize-pytorch behind our own interface."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from vector_quantize_pytorch import VectorQuantize

from bench.contracts.method import Quantized
from methods.parts.codebook_renewal import Init, Renewal, Revive


class Wrapped(nn.Module):
    """A layer of the package as a quantizer of feature maps.

    layer: maps float32 [B, N, D] to (quantized [B, N, D], indices [B, N] or [B, N, L]) and, unless it has none, losses.
    codebook_of: reads the layer's codes in the space of its output, [K, D] or [L, K, D].
    """

    def __init__(self, layer: nn.Module, codebook_of: Callable[[Any], Tensor]) -> None:
        super().__init__()
        self.layer, self._codebook_of = layer, codebook_of

    @property
    def codebook(self) -> Tensor:
        """[K, D], or [L, K, D] for residual levels."""
        return self._codebook_of(self.layer)

    def forward(self, z: Tensor) -> Quantized:
        """Feature map [B, D, h, w] to `Quantized`; float32 under autocast too."""
        batch, width, height, across = z.shape
        with torch.autocast(z.device.type, enabled=False):
            quantized, indices, *losses = self.layer(z.float().flatten(2).transpose(1, 2))
            loss = sum((part.sum() for part in losses), z.new_zeros((), dtype=torch.float32))
        through = quantized.transpose(1, 2).reshape(batch, width, height, across)
        return Quantized(through, indices.long().reshape(batch, height, across, *indices.shape[2:]), loss)


def renewed(layer: VectorQuantize, init: Init, revive: Revive) -> VectorQuantize:
    """The same layer, its codes renewed as those of our own quantizers are (the package has rules of its own)."""
    layer.renewal = Renewal(layer.codebook_size, init, revive)
    layer.register_forward_pre_hook(_before)
    layer.register_forward_hook(_after)
    return layer


def _before(layer: Any, inputs: tuple[Tensor, ...]) -> None:
    if not layer.training:
        return
    codes = layer._codebook
    with torch.no_grad():
        rows = codes.transform_input(layer.project_in(inputs[0])).flatten(0, -2)
        new = layer.renewal.before(rows, codes.embed[0])
        codes.embed[0].copy_(codes.transform_input(codes.embed[0]))  # means of directions are no directions yet
        codes.cluster_size[0, new] = 1  # a new code's moving averages begin with itself
        codes.embed_avg[0, new] = codes.embed[0, new]


def _after(layer: Any, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]) -> None:  # noqa: ARG001 - a forward hook
    if layer.training:
        layer.renewal.after(outputs[1])
