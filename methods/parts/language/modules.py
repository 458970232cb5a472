"""The networks of LG-VQ's language guidance: a ViT on codes, a text decoder, and two heads."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from bench.methods.parts.language.attention import attend
from bench.methods.parts.language.dropout import dropout

LAYERS, HEADS = 2, 1
"""Layers and attention heads of the ViT and of the text decoder, in all released configurations."""
SMALL = 0.01
"""Standard deviation of embeddings and projections at the start."""


def quick_gelu(x: Tensor) -> Tensor:
    """CLIP's activation: x sigmoid(1.702 x)."""
    return x * torch.sigmoid(1.702 * x)


def small_parameter(*shape: int) -> nn.Parameter:
    """A parameter drawn from a normal of standard deviation 0.01."""
    return nn.Parameter(torch.randn(*shape) * SMALL)


class CodeTransformer(nn.Module):
    """CLIP's image transformer on the codes of an image, with a class token in front; it starts as CLIP does."""

    def __init__(self, positions: int, width: int, text_width: int) -> None:
        super().__init__()
        self.class_embedding = small_parameter(width)
        self.positional_embedding = small_parameter(positions + 1, width)
        self.before, self.after = nn.LayerNorm(width), nn.LayerNorm(width)
        self.blocks = nn.Sequential(
            *[
                nn.TransformerEncoderLayer(width, HEADS, 4 * width, 0.0, quick_gelu, batch_first=True, norm_first=True)
                for _ in range(LAYERS)
            ]
        )
        self.projection = small_parameter(width, text_width)
        for block in self.blocks:
            assert isinstance(block, nn.TransformerEncoderLayer)
            nn.init.normal_(block.self_attn.in_proj_weight, std=width**-0.5)
            nn.init.normal_(block.linear1.weight, std=(2 * width) ** -0.5)
            for last in (block.self_attn.out_proj.weight, block.linear2.weight):  # what adds to the residual stream
                nn.init.normal_(last, std=(width * 2 * LAYERS) ** -0.5)

    @override
    def forward(self, codes: Tensor) -> Tensor:
        """Codes [B, N, D] to visual tokens [B, 1 + N, T]; the first is the class token's."""
        return self.narrow(codes) @ self.projection

    def narrow(self, codes: Tensor) -> Tensor:
        """Codes [B, N, D] to what `projection` makes visual tokens of, [B, 1 + N, D]."""
        first = self.class_embedding.expand(len(codes), 1, -1)
        x = self.before(torch.cat([first.to(codes.dtype), codes], dim=1) + self.positional_embedding)
        for block in self.blocks:
            assert isinstance(block, nn.TransformerEncoderLayer)
            normed = block.norm1(x)
            x = x + attend(block.self_attn, normed, normed)
            x = x + block.linear2(quick_gelu(block.linear1(block.norm2(x))))
        return self.after(x)


class TextDecoder(nn.Module):
    """Text attends to itself, then to the visual tokens; it adds no positions, the text features have theirs."""

    def __init__(self, width: int, rate: float) -> None:
        super().__init__()
        self.rate = rate
        self.layers = nn.ModuleList(
            nn.TransformerDecoderLayer(width, HEADS, width, 0.0, layer_norm_eps=1e-12, batch_first=True)
            for _ in range(LAYERS)
        )
        for weight in self.parameters():
            if weight.ndim > 1:
                nn.init.normal_(weight, std=width**-0.5)
        for part in self.modules():
            if isinstance(part, nn.MultiheadAttention):
                part.dropout = 0.0  # released: none on attention weights
                for bias in (part.in_proj_bias, part.out_proj.bias):  # zero in torch's class, a linear layer's there
                    nn.init.uniform_(bias, -(width**-0.5), width**-0.5)

    @override
    def forward(
        self,
        text: Tensor,
        visual: Tensor,
        padding: Tensor | None,
        at: Tensor | None = None,
        projection: Tensor | None = None,
    ) -> Tensor:
        """Text and visual tokens to decoded text, [B, L, T].

        Args:
            text: [B, L, T]. visual: tokens [B, 1 + N, T], or [B, 1 + N, D] with the projection [D, T] to them.
            padding: bool [B, L], positions to ignore.
            at: int64 [B, Q], the positions that are asked for, so that the last layer goes without the others and the
                result is [B, Q, T].
        """
        for layer in self.layers:
            assert isinstance(layer, nn.TransformerDecoderLayer)
            x = text
            if at is not None and layer is self.layers[-1]:
                x = text.gather(1, at[..., None].expand(-1, -1, text.shape[2]))
            x = layer.norm1(x + self._dropout(attend(layer.self_attn, x, text, padding)))
            x = layer.norm2(x + self._dropout(attend(layer.multihead_attn, x, visual, None, projection)))
            hidden = self._dropout(F.relu(layer.linear1(x)))
            text = layer.norm3(x + self._dropout(layer.linear2(hidden)))
        return text

    def _dropout(self, x: Tensor) -> Tensor:
        return dropout(x, self.rate, self.training)


class Head(nn.Module):
    """A linear layer, GELU and a LayerNorm."""

    def __init__(self, width: int, text_width: int) -> None:
        super().__init__()
        self.linear, self.norm = nn.Linear(width, text_width), nn.LayerNorm(text_width)

    @override
    def forward(self, x: Tensor) -> Tensor:
        """Vectors [..., width] to [..., text width]."""
        return self.norm(F.gelu(self.linear(x)))


class MaskedWordModel(nn.Module):
    """Predicts masked words from the rest of the caption and the visual tokens."""

    def __init__(self, length: int, vocabulary: int, width: int, dropout: float) -> None:
        super().__init__()
        self.mask_tokens = small_parameter(length, width)
        self.decoder = TextDecoder(width, dropout)
        self.head = Head(width, width)
        self.bias = nn.Parameter(torch.zeros(vocabulary))

    @override
    def forward(
        self, text: Tensor, visual: Tensor, predict: Tensor, real: Tensor, words: Tensor, padding_mask: bool
    ) -> Tensor:
        """Logits [B, L, V].

        Args:
            words: the frozen word embeddings [V, T]. The others: see `decoded`.
        """
        return self.logits(self.decoded(text, visual, predict, real, padding_mask), words)

    def decoded(
        self,
        text: Tensor,
        visual: Tensor,
        predict: Tensor,
        real: Tensor,
        padding_mask: bool,
        at: Tensor | None = None,
        projection: Tensor | None = None,
    ) -> Tensor:
        """What the decoder makes of a masked text, [B, L, T].

        Args:
            text: [B, L, T].
            predict: bool [B, L], masked words. real: bool [B, L], false at padding.
            padding_mask: ignore padding in self-attention. Released: its mask is everywhere non-zero, so padding
                takes part, as zero vectors.
            visual, at, projection: see `TextDecoder.forward`.
        """
        masked = torch.where(predict[..., None], self.mask_tokens.to(text.dtype), text) * real[..., None]
        return self.decoder(masked, visual, ~real if padding_mask else None, at, projection)

    def logits(self, decoded: Tensor, words: Tensor) -> Tensor:
        """Logits [..., V] at decoded positions [..., T]: those of masked words alone, since V may be 30,000."""
        return F.linear(self.head(decoded), words, self.bias)
