"""The transformer that all task heads share: pre-norm blocks over torch's own attention (Vaswani et al. 2017)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

HEAD_WIDTH = 32
START_OF_POSITIONS = 0.4
"""Standard deviation of learned positions at the start: smaller than the words and codes they are added to."""


def heads_of(width: int) -> int:
    """Attention heads of a transformer of this width."""
    return max(1, width // HEAD_WIDTH)


class Cache:
    """Keys and values of what a causal model has read so far (KV cache), so that it reads each position once.

    rows: sequences. length: the most positions that will be read. filled: how many have been read.
    layers: of each block, keys and values [2, rows, heads, length, W / heads].
    """

    def __init__(self, model: Transformer, rows: int, length: int) -> None:
        self.filled = 0
        width = model.positions.shape[1]
        heads = heads_of(width)
        shape = (2, rows, heads, length, width // heads)
        self.layers = [torch.empty(shape, device=model.positions.device) for _ in model.blocks]

    def pick(self, rows: Tensor) -> None:
        """Go on with these sequences, int64 [R'], some perhaps several times: what a beam search keeps."""
        self.layers = [layer[:, rows] for layer in self.layers]


class Attention(nn.Module):
    """Multi-head attention from x to a context; self-attention where both are the same."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = heads_of(width)
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(
        self, x: Tensor, context: Tensor, mask: Tensor | None = None, cached: Tensor | None = None, filled: int = 0
    ) -> Tensor:
        """Attended values [B, T, W].

        Args:
            x: [B, T, W]. context: [B, S, W].
            mask: bool, broadcastable to [B, heads, T, S], True where x may look.
            cached: keys and values [2, B, heads, length, W / heads] of earlier positions; those of the context are
                written behind them, and S counts both.
            filled: how many positions of `cached` have been written.
        """
        query = self._split(self.query(x))  # [B, heads, T, W / heads]
        key, value = (
            self._split(part) for part in self.key_value(context).chunk(2, dim=-1)
        )  # [B, heads, S, W / heads]
        if cached is not None:
            end = filled + context.shape[1]
            cached[0, :, :, filled:end], cached[1, :, :, filled:end] = key, value
            key, value = cached[:, :, :, :end].to(query.dtype)
        attended = _attend(query, key, value, mask)  # [B, heads, T, W / heads]
        return self.out(attended.transpose(1, 2).flatten(2))  # [B, T, W]

    def _split(self, x: Tensor) -> Tensor:
        """[B, T, W] to [B, heads, T, W / heads]."""
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)


def _attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
    if query.device.type == "cuda":
        return F.scaled_dot_product_attention(query, key, value, mask)
    with torch.autocast("cpu", enabled=False):  # torch's CPU kernel takes three times as long in bf16 as in float32
        attended = F.scaled_dot_product_attention(query.float(), key.float(), value.float(), mask)
    return attended.to(query.dtype)


class Block(nn.Module):
    """Self-attention, then (with `cross`) attention to a context, then a four times wider GELU layer."""

    def __init__(self, width: int, cross: bool) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3 if cross else 2))
        self.self_attention = Attention(width)
        self.cross_attention = Attention(width) if cross else None
        self.feed_forward = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(
        self,
        x: Tensor,
        mask: Tensor | None,
        context: Tensor | None,
        context_mask: Tensor | None = None,
        cached: Tensor | None = None,
        filled: int = 0,
    ) -> Tensor:
        """Hidden states [B, T, W].

        Args:
            x: [B, T, W]. mask, cached, filled: see `Attention.forward`, of the self-attention.
            context: [C, S, W], B a multiple of C: consecutive sequences share a context. context_mask: [C, 1, 1, S].
        """
        normed = self.norms[0](x)
        x = x + self.self_attention(normed, normed, mask, cached, filled)
        if self.cross_attention is not None:
            assert context is not None
            queries = self.norms[-2](x).reshape(len(context), -1, x.shape[-1])  # [C, B / C * T, W]
            x = x + self.cross_attention(queries, context, context_mask).reshape(x.shape)
        return x + self.feed_forward(self.norms[-1](x))


class Transformer(nn.Module):
    """A stack of blocks with learned positions; an encoder, a causal model or, with `cross`, a decoder over a context.

    length: the longest sequence it can read.
    """

    def __init__(self, width: int, layers: int, length: int, cross: bool = False) -> None:
        super().__init__()
        self.positions = nn.Parameter(torch.randn(length, width) * START_OF_POSITIONS)
        self.blocks = nn.ModuleList(Block(width, cross) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(
        self,
        x: Tensor,
        real: Tensor | None = None,
        context: Tensor | None = None,
        context_real: Tensor | None = None,
        causal: bool = False,
        cache: Cache | None = None,
    ) -> Tensor:
        """Hidden states [B, T, W].

        Args:
            x: [B, T, W].
            real: bool [B, S], False at padding, which no position looks at; the first position must be real. S is T
                and what the cache has been filled with.
            context: [C, S, W], B a multiple of C: the context of sequence i is that of row i // (B / C).
            context_real: bool [C, S], False at padding, which no position looks at.
            causal: a position looks at itself and the ones before only.
            cache: x follows what is in it, and is added to it; causal only.
        """
        filled = 0 if cache is None else cache.filled
        numbers = torch.arange(filled, filled + x.shape[1], device=x.device)  # [T], in the whole sequence of S
        mask = None if real is None else real[:, None, None, :]  # [B, 1, 1, S]
        if causal:
            not_later = torch.arange(filled + x.shape[1], device=x.device) <= numbers[:, None]  # [T, S]
            mask = not_later if mask is None else mask & not_later  # [T, S] or [B, 1, T, S]
        x = x + self.positions[numbers]  # [B, T, W]
        context_mask = None if context_real is None else context_real[:, None, None, :]  # [C, 1, 1, S]
        for number, block in enumerate(self.blocks):
            x = block(x, mask, context, context_mask, None if cache is None else cache.layers[number], filled)
        if cache is not None:
            cache.filled += x.shape[1]
        return self.norm(x)
