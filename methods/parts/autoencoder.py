"""The tokenizer of nearly every method: encoder, quantizer, decoder, and an objective on the reconstruction."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn
from typing_extensions import override

from bench.contracts.codes import lookup
from bench.contracts.method import Batch, Quantized, Tokenizer
from bench.methods.parts.backbones import build_backbone
from bench.methods.parts.vector_quantizer import Quantizer
from bench.presets import Preset
from bench.system import ranks


class Objective(nn.Module):
    """The losses between images and their reconstruction."""

    @override
    def forward(self, images: Tensor, reconstruction: Tensor, last_weight: Tensor, step: int) -> dict[str, Tensor]:
        """Weighted scalar losses of one step, by name; see `Tokenizer.losses`.

        Args:
            images, reconstruction: float [B, 3, H, W] in [-1, 1], the reconstruction not clamped.
            last_weight: of the decoder's last convolution, where gradients of losses may be compared.
            step: of the training, from 0 on.
        """
        raise NotImplementedError

    def learning_rate_scales(self) -> Mapping[nn.Module, float]:
        """Modules whose learning rate is another share of the preset's than 1."""
        return {}


class Autoencoder(Tokenizer):
    """Encoder, quantizer and decoder.

    Where `discrete` is False, the quantizer's indices are the vectors themselves, [B, h, w, D].
    """

    def __init__(self, preset: Preset, quantizer: Quantizer, objective: Objective, discrete: bool = True) -> None:
        super().__init__()
        self.grid = (preset.grid, preset.grid)
        self.discrete = discrete
        self.encoder, self.decoder = build_backbone(preset)
        self.quantizer = quantizer
        self.objective = objective

    @property
    @override
    def codebook(self) -> Tensor:
        return self.quantizer.codebook

    @property
    @override
    def fixed_codebook(self) -> bool:
        return self.quantizer.fixed_codebook

    @override
    def learning_rate_scales(self) -> Mapping[nn.Module, float]:
        return self.objective.learning_rate_scales()

    @override
    def encode(self, images: Tensor) -> Tensor:
        quantized: Quantized = self.quantizer(self.encoder(images))
        return quantized.indices

    @override
    def decode(self, indices: Tensor) -> Tensor:
        vectors = lookup(self.codebook, indices) if self.discrete else indices
        return self.decoder(vectors.permute(0, 3, 1, 2))  # [B, h, w, D] to [B, D, h, w]

    @override
    def forward(self, images: Tensor) -> tuple[Tensor, Quantized]:
        """Reconstruction [B, 3, H, W] and what the quantizer returned, for the images of all ranks.

        The quantizer sees the features of all ranks, so that its codes, its statistics and its loss are those of the
        joint batch on each of them. The decoder decodes the rank's own.
        """
        quantized: Quantized = self.quantizer(ranks.joint(self.encoder(images)))
        return self.decoder(ranks.own(quantized.quantized)), quantized

    def criterion(self, images: Tensor, reconstruction: Tensor, quantized: Quantized, step: int) -> dict[str, Tensor]:
        """All losses that need no text; what wraps this tokenizer adds its own to them."""
        losses = self.objective(images, reconstruction.float(), self.decoder.last_weight, step)
        if not self.discrete:
            return losses
        return {"codebook": quantized.loss, **losses}

    @override
    def losses(self, batch: Batch, step: int) -> dict[str, Tensor]:
        reconstruction, quantized = self(batch.images)
        return self.criterion(batch.images, reconstruction, quantized, step)
