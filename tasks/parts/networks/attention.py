"""Multi-head attention over positions that lie one behind the other, and the keys and values that it may keep."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.tasks.parts.networks.grids import Grid

HEAD_WIDTH = 32

KeysValues = tuple[Tensor, Tensor]
"""Each [R, heads, S, W / heads]."""


def heads_of(width: int) -> int:
    """Attention heads of a transformer of this width."""
    return max(1, width // HEAD_WIDTH)


class Look(NamedTuple):
    """Who looks at whom: each position at those in the same row of two grids.

    mask: bool, broadcastable to [R, heads, T, S], True where a query may look. causal: a query looks at the key in its
    own column and those before only; then there is no mask.
    """

    queries: Grid
    keys: Grid
    mask: Tensor | None = None
    causal: bool = False


class Kept(Protocol):
    """Keys and values that are kept from one call of an attention to the next."""

    def read(self, compute: Callable[[], KeysValues]) -> KeysValues:
        """All that are to be looked at; compute: gives those of the context of this call."""


class Attention(nn.Module):
    """From some positions to those of a context; self-attention where both are the same."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = heads_of(width)
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, context: Tensor, look: Look, kept: Kept | None = None) -> Tensor:
        """Attended values [N, W] of x [N, W], which looks at a context [M, W] and what is kept of earlier ones."""

        def keys_values() -> KeysValues:
            key, value = self._split(look.keys.spread(self.key_value(context)))
            return key, value

        if x is context and kept is None:
            weight = torch.cat([self.query.weight, self.key_value.weight])  # one product is faster than two
            bias = torch.cat([self.query.bias, self.key_value.bias])
            query, key, value = self._split(look.keys.spread(F.linear(x, weight, bias)))
        else:
            (query,) = self._split(look.queries.spread(self.query(x)))
            key, value = keys_values() if kept is None else kept.read(keys_values)
        attended = _attend(query, key, value, look)  # [R, heads, T, W / heads]
        return self.out(look.queries.gather(attended.transpose(1, 2).flatten(2)))

    def _split(self, x: Tensor) -> list[Tensor]:
        """[R, T, n * W] to n times [R, heads, T, W / heads]."""
        parts = x.unflatten(-1, (-1, self.heads, self.out.in_features // self.heads)).unbind(2)
        return [part.transpose(1, 2) for part in parts]


def _attend(query: Tensor, key: Tensor, value: Tensor, look: Look) -> Tensor:
    if query.device.type == "cuda":
        key, value = key.to(query.dtype), value.to(query.dtype)
        return F.scaled_dot_product_attention(query, key, value, look.mask, is_causal=look.causal)
    with torch.autocast("cpu", enabled=False):  # torch's CPU kernel takes three times as long in bf16 as in float32
        parts = query.float(), key.float(), value.float()
        attended = F.scaled_dot_product_attention(*parts, look.mask, is_causal=look.causal)
    return attended.to(query.dtype)
