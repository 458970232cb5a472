"""The transformer that all task heads share: pre-norm blocks over torch's own attention (Vaswani et al. 2017)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

HEAD_WIDTH = 32


def heads_of(width: int) -> int:
    """Attention heads of a transformer of this width."""
    return max(1, width // HEAD_WIDTH)


class Memory:
    """Keys and values of what a causal model has read so far, so that it reads each position once.

    rows: sequences. length: the most positions that will be read.
    """

    def __init__(self, model: Transformer, rows: int, length: int) -> None:
        self.read = 0
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
        self, x: Tensor, context: Tensor, mask: Tensor | None = None, before: Tensor | None = None, read: int = 0
    ) -> Tensor:
        """Attended values [B, T, W].

        Args:
            x: [B, T, W]. context: [B, S, W].
            mask: bool, broadcastable to [B, heads, T, S], True where x may look.
            before: keys and values [2, B, heads, length, W / heads], of which `read` positions are filled; those of the
                context are added behind them and S counts both.
            read: see `before`.
        """
        query = self._split(self.query(x))
        key, value = (self._split(part) for part in self.key_value(context).chunk(2, dim=-1))
        if before is not None:
            end = read + context.shape[1]
            before[0, :, :, read:end], before[1, :, :, read:end] = key, value
            key, value = before[:, :, :, :end].to(query.dtype)
        found = _attend(query, key, value, mask)
        joined: Tensor = self.out(found.transpose(1, 2).flatten(2))
        return joined

    def _split(self, x: Tensor) -> Tensor:
        parts: Tensor = x.unflatten(-1, (self.heads, -1)).transpose(1, 2)
        return parts


def _attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
    if query.device.type == "cuda":
        return F.scaled_dot_product_attention(query, key, value, mask)
    with torch.autocast("cpu", enabled=False):  # torch's CPU kernel takes three times as long in bf16 as in float32
        found = F.scaled_dot_product_attention(query.float(), key.float(), value.float(), mask)
    return found.to(query.dtype)


class Block(nn.Module):
    """Self-attention, then (with `cross`) attention to a context, then a four times wider GELU layer."""

    def __init__(self, width: int, cross: bool) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3 if cross else 2))
        self.itself = Attention(width)
        self.cross = Attention(width) if cross else None
        self.wide = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(
        self, x: Tensor, mask: Tensor | None, context: Tensor | None, before: Tensor | None = None, read: int = 0
    ) -> Tensor:
        """x [B, T, W], context [C, S, W] with B a multiple of C: consecutive sequences share a context."""
        normed = self.norms[0](x)
        x = x + self.itself(normed, normed, mask, before, read)
        if self.cross is not None:
            assert context is not None
            queries = self.norms[-2](x).reshape(len(context), -1, x.shape[-1])
            x = x + self.cross(queries, context).reshape(x.shape)
        added: Tensor = x + self.wide(self.norms[-1](x))
        return added


class Transformer(nn.Module):
    """A stack of blocks with learned positions; an encoder, a causal model or, with `cross`, a decoder over a context.

    length: the longest sequence it can read.
    """

    def __init__(self, width: int, layers: int, length: int, cross: bool = False) -> None:
        super().__init__()
        self.positions = nn.Parameter(torch.randn(length, width))
        self.blocks = nn.ModuleList(Block(width, cross) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(
        self,
        x: Tensor,
        real: Tensor | None = None,
        context: Tensor | None = None,
        causal: bool = False,
        prefix: int = 0,
        memory: Memory | None = None,
        places: Tensor | None = None,
    ) -> Tensor:
        """Hidden states [B, T, W].

        Args:
            x: [B, T, W].
            real: bool [B, S], False at padding, which no position looks at; the first position must be real. S counts
                what is in memory too.
            context: [C, S, W], B a multiple of C: the context of sequence i is that of row i // (B / C).
            causal: a position looks at itself and the ones before only.
            prefix: so many positions at the start may all look at each other, although the rest is causal.
            memory: x follows what is in it, and is added to it; causal only.
            places: int64 [T], which learned position each of x has, if not its number in the sequence.
        """
        read = 0 if memory is None else memory.read
        numbers = torch.arange(read, read + x.shape[1], device=x.device)
        mask = None if real is None else real[:, None, None, :]
        if causal:
            last = numbers.clamp(min=prefix - 1)[:, None]
            before = torch.arange(read + x.shape[1], device=x.device) <= last
            mask = before if mask is None else mask & before
        x = x + self.positions[numbers if places is None else places]
        for number, block in enumerate(self.blocks):
            x = block(x, mask, context, None if memory is None else memory.layers[number], read)
        if memory is not None:
            memory.read += x.shape[1]
        hidden: Tensor = self.norm(x)
        return hidden
