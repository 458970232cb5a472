"""Transformers between an image and tokens that have no place in it (TiTok, Yu et al. 2024, figure 3)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override


class Blocks(nn.Module):
    """Pre-norm transformer blocks over [B, T, W], normalised before and after them."""

    def __init__(self, width: int, layers: int, heads: int) -> None:
        super().__init__()
        self.before, self.after = nn.LayerNorm(width), nn.LayerNorm(width)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(
                width, heads, 4 * width, dropout=0.0, activation=F.gelu, batch_first=True, norm_first=True
            )
            for _ in range(layers)
        )

    @override
    def forward(self, x: Tensor) -> Tensor:
        """Sequences [B, T, W] to sequences of the same shape."""
        x = self.before(x)
        for block in self.blocks:
            x = block(x)
        return self.after(x)


class LatentEncoder(nn.Module):
    """Reads an image into N vectors: learned latent tokens attend to its patches, and the patches are dropped.

    patch: side of a patch in pixels. patches: their number. width: D of the vectors.
    """

    def __init__(self, patch: int, patches: int, tokens: int, width: int, inner: int, layers: int, heads: int) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, inner, patch, stride=patch)
        self.places = nn.Parameter(_drawn(patches, inner))
        self.latents = nn.Parameter(_drawn(tokens, inner))
        self.blocks = Blocks(inner, layers, heads)
        self.out = nn.Linear(inner, width)

    @override
    def forward(self, images: Tensor) -> Tensor:
        """Images [B, 3, S, S] in [-1, 1] to a map of one row, [B, D, 1, N]."""
        seen = self.patches(images).flatten(2).transpose(1, 2) + self.places  # [B, patches, W]
        latents = self.latents.expand(len(images), -1, -1)
        read = self.blocks(torch.cat([seen, latents], 1))[:, seen.shape[1] :]
        return self.out(read).transpose(1, 2)[:, :, None]


class LatentDecoder(nn.Module):
    """Makes an image from N vectors: mask tokens, one a patch, attend to them and become pixels."""

    def __init__(self, patch: int, side: int, tokens: int, width: int, inner: int, layers: int, heads: int) -> None:
        super().__init__()
        self.side = side
        self.into = nn.Linear(width, inner)
        self.mask = nn.Parameter(_drawn(1, inner))
        self.places = nn.Parameter(_drawn(side**2, inner))
        self.order = nn.Parameter(_drawn(tokens, inner))
        self.blocks = Blocks(inner, layers, heads)
        self.pixels = nn.Sequential(nn.Conv2d(inner, 3 * patch**2, 1), nn.PixelShuffle(patch))
        self.smooth = nn.Conv2d(3, 3, 3, padding=1)

    @property
    def last_weight(self) -> Tensor:
        """Weight of the last convolution."""
        return self.smooth.weight

    @override
    def forward(self, vectors: Tensor) -> Tensor:
        """Vectors [B, D, 1, N] to images [B, 3, S, S], not clamped."""
        codes = self.into(vectors.flatten(2).transpose(1, 2)) + self.order  # [B, N, W]
        masks = (self.mask + self.places).expand(len(codes), -1, -1)
        made = self.blocks(torch.cat([masks, codes], 1))[:, : self.side**2]
        return self.smooth(self.pixels(made.transpose(1, 2).unflatten(2, (self.side, self.side))))


def _drawn(count: int, width: int) -> Tensor:
    """Learned tokens [count, W] as they start, as released."""
    return torch.randn(count, width) * width**-0.5
