"""The block that transformers are stacks of: pre-norm attention and a feed-forward layer (Vaswani et al. 2017)."""

from __future__ import annotations

from torch import Tensor, nn

from bench.tasks.parts.networks.attention import Attention, Kept, Look


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
        own: Look,
        context: Tensor | None,
        outer: Look | None,
        asked: Tensor | None = None,
        kept: tuple[Kept | None, Kept | None] = (None, None),
    ) -> Tensor:
        """Hidden states of the positions that are asked for, [M, W], by default of all.

        Args:
            x: [N, W]. own: how those asked for look at them. asked: their numbers, int64 [M].
            context: [C * S, W]. outer: how those asked for look at it.
            kept: keys and values of what was read before, and of the context.
        """
        keys = queries = self.norms[0](x)
        if asked is not None:
            x, queries = x.index_select(0, asked), keys.index_select(0, asked)
        x = x + self.self_attention(queries, keys, own, kept[0])
        if self.cross_attention is not None:
            assert context is not None
            assert outer is not None
            x = x + self.cross_attention(self.norms[1](x), context, outer, kept[1])
        return x + self.feed_forward(self.norms[-1](x))
