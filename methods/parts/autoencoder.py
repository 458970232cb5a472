"""The tokenizer that every own method trains: encoder, quantizer, decoder, and an objective on the reconstruction."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor, nn

from bench.contracts.codes import lookup
from bench.contracts.method import Batch, Quantized
from bench.presets import Preset
from methods.parts.backbones import build_backbone


class Objective(Protocol):
    """What a reconstruction is judged by; also a `torch.nn.Module`."""

    def __call__(self, images: Tensor, reconstruction: Tensor, last_weight: Tensor, step: int) -> dict[str, Tensor]:
        """Weighted losses; last_weight is the decoder's last convolution, where gradients may be compared."""


class Autoencoder(nn.Module):
    """A `bench.contracts.Tokenizer`.

    quantizer: a module that maps [B, D, h, w] to `Quantized` and has a `codebook`. Where it is not `discrete`, its
    indices are the vectors themselves, [B, h, w, D].
    """

    def __init__(self, preset: Preset, quantizer: nn.Module, objective: Objective, discrete: bool = True) -> None:
        super().__init__()
        self.grid = (preset.grid, preset.grid)
        self.discrete = discrete
        self.encoder, self.decoder = build_backbone(preset)
        self.quantizer = quantizer
        self.objective = objective

    @property
    def codebook(self) -> Tensor:
        """[K, D], or [L, K, D] for residual levels."""
        codebook = self.quantizer.codebook
        assert isinstance(codebook, Tensor)
        return codebook

    def encode(self, images: Tensor) -> Tensor:
        """Images [B, 3, H, W] in [-1, 1] to indices int64 [B, h, w] (or [B, h, w, L])."""
        quantized: Quantized = self.quantizer(self.encoder(images))
        return quantized.indices

    def decode(self, indices: Tensor) -> Tensor:
        """Indices back to images [B, 3, H, W] (not clamped)."""
        vectors = lookup(self.codebook, indices) if self.discrete else indices
        images: Tensor = self.decoder(vectors.permute(0, 3, 1, 2))
        return images

    def forward(self, images: Tensor) -> tuple[Tensor, Quantized]:
        """Reconstruction [B, 3, H, W] and what the quantizer returned."""
        quantized: Quantized = self.quantizer(self.encoder(images))
        return self.decoder(quantized.quantized), quantized

    def criterion(self, images: Tensor, reconstruction: Tensor, quantized: Quantized, step: int) -> dict[str, Tensor]:
        """All losses that need no text; what wraps this tokenizer adds its own to them."""
        losses = self.objective(images, reconstruction.float(), self.decoder.last_weight, step)
        if not self.discrete:
            return losses
        return {"codebook": quantized.loss, **losses}

    def losses(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """Weighted losses of one step."""
        reconstruction, quantized = self(batch.images)
        return self.criterion(batch.images, reconstruction, quantized, step)
