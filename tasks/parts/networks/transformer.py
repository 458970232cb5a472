"""The transformer that all task heads share: pre-norm blocks over torch's own attention (Vaswani et al. 2017)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench.tasks.parts.networks.attention import Look, heads_of
from bench.tasks.parts.networks.block import Block
from bench.tasks.parts.networks.cache import Growing, Once
from bench.tasks.parts.networks.grids import Even, Grid, Uneven, grid_of

START_OF_POSITIONS = 0.4
"""Standard deviation of learned positions at the start: smaller than the words and codes they are added to."""


class Cache:
    """What a causal model has read so far, and its context.

    rows: sequences. length: the most positions that will be read. filled: how many have been read.
    """

    def __init__(self, model: Transformer, rows: int, length: int) -> None:
        self.filled = 0
        width, device = model.positions.shape[1], model.positions.device
        heads = heads_of(width)
        self.own = [Growing((rows, heads, length, width // heads), device) for _ in model.blocks]
        self.contexts = [Once() for _ in model.blocks]

    def pick(self, rows: Tensor) -> None:
        """Go on with these sequences, int64 [R'], some perhaps several times: what a beam search keeps.

        Those of a context stay together, and as many of each context.
        """
        for kept in self.own:
            kept.pick(rows)


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
        """Hidden states [B, T, W], zero at padding.

        Args:
            x: [B, T, W].
            real: bool [B, T], False at padding, of which nothing is computed; each sequence has a real position.
            context: [C, S, W], B a multiple of C: the context of sequence i is that of row i // (B / C).
            context_real: bool [C, S], False at padding, which no position looks at.
            causal: a position looks at itself and the ones before only.
            cache: x follows what is in it, and is added to it; causal only, and all of x is real.
        """
        if real is not None:
            packed = self.packed(x, real, real, context, context_real, causal)
            return x.new_zeros(x.shape, dtype=packed.dtype).masked_scatter(real[..., None], packed)
        (count, length, width), filled = x.shape, 0 if cache is None else cache.filled
        mask = None
        if causal and filled and length > 1:
            numbers = torch.arange(filled + length, device=x.device)
            mask = numbers <= numbers[filled:, None]  # [T, S]
        own = Look(Even(count), Even(count), mask, causal and not filled)
        outer = None if context is None else _outer(Even(len(context)), context, context_real)
        flat = (x + self.positions[filled : filled + length]).flatten(0, 1)  # [B * T, W]
        of_context = None if context is None else context.flatten(0, 1)
        for number, block in enumerate(self.blocks):
            kept = (None, None) if cache is None else (cache.own[number], cache.contexts[number])
            flat = block(flat, own, of_context, outer, None, kept)
        if cache is not None:
            cache.filled += length
        return self.norm(flat).view(count, length, width)

    def packed(
        self,
        x: Tensor,
        real: Tensor,
        asked: Tensor,
        context: Tensor | None = None,
        context_real: Tensor | None = None,
        causal: bool = False,
        owner: Tensor | None = None,
    ) -> Tensor:
        """Hidden states of the M positions that are asked for, in order, [M, W]; see `forward`.

        Args:
            asked: bool [B, T], True at some real positions. The last block computes these, and of all others what they
                look at; with `causal` they must be all real ones.
            owner: int64 [B], ascending, the row of the context of each sequence.
        """
        count, length = real.shape
        places = real.flatten().nonzero()[:, 0]
        flat = (x + self.positions[:length]).flatten(0, 1).index_select(0, places)  # [N, W]
        sequence = places // length  # of each real position, int64 [N]
        wanted = asked.flatten()[places].nonzero()[:, 0]  # int64 [M]
        if context is not None and owner is None:
            owner = torch.arange(count, device=x.device) // (count // len(context))
        keys = grid_of(sequence, count)
        mask = keys.filled[:, None, None] if isinstance(keys, Uneven) and not causal else None  # [B, 1, 1, T]

        def looks(of: Tensor) -> tuple[Look, Look | None]:
            """Of positions of these sequences, int64, ascending: at their sequence and at its context."""
            own = Look(grid_of(of, count), keys, mask, causal)
            if context is None or owner is None:
                return own, None
            return own, _outer(grid_of(owner[of], len(context)), context, context_real)

        of_context, (own, outer) = None if context is None else context.flatten(0, 1), looks(sequence)
        few = len(wanted) < len(places)
        for block in self.blocks[:-1] if few else self.blocks:
            flat = block(flat, own, of_context, outer)
        if few and len(self.blocks):
            own, outer = looks(sequence[wanted])
            flat = self.blocks[-1](flat, own, of_context, outer, wanted)
        elif few:
            flat = flat.index_select(0, wanted)
        return self.norm(flat)


def _outer(queries: Grid, context: Tensor, real: Tensor | None) -> Look:
    """How queries look at the context [C, S, W] of their row, but not at its padding; real: bool [C, S]."""
    return Look(queries, Even(len(context)), None if real is None else real[:, None, None])
