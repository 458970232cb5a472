"""A causal transformer over tokens that attends to a context; `decoding` draws sequences from it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench.tasks.parts.networks.transformer import Cache, Transformer


class Decoder(nn.Module):
    """Predicts each token from the tokens before it and a context, if any: the decoder of Vaswani et al. 2017.

    Args:
        tokens: size of the vocabulary. length: most tokens of a sequence. context: whether there is one.
    """

    def __init__(self, tokens: int, width: int, layers: int, length: int, context: bool) -> None:
        super().__init__()
        self.start = nn.Parameter(torch.randn(width))
        self.embedding = nn.Embedding(tokens, width)
        self.body = Transformer(width, layers, 1 + length, cross=context)
        self.logits = nn.Linear(width, tokens)

    def forward(
        self,
        ids: Tensor,
        context: Tensor | None,
        real: Tensor | None = None,
        hidden: Tensor | None = None,
        asked: Tensor | None = None,
    ) -> Tensor:
        """Logits [B * n, T + 1, tokens]: at i those of token i, given the context and ids[:, :i].

        Args:
            ids: int64 [B * n, T], the n sequences of a context behind each other.
            context: [B, S, W], or None for a decoder without one. real: bool [B, S], False at padding.
            hidden: bool [B * n], sequences of which no token is seen, only how many there are.
            asked: bool [B * n, T + 1], True at the first tokens of each sequence: only they are computed, and the
                logits are theirs, in order, [M, tokens].
        """
        tokens = self.embedding(ids)
        if hidden is not None:
            tokens = tokens.masked_fill(hidden[:, None, None], 0)
        read = torch.cat([self.start.expand(len(ids), 1, -1), tokens], 1)  # [B * n, 1 + T, W]
        if asked is not None:
            return self.logits(self.body.packed(read, asked, asked, context, real, causal=True))
        return self.logits(self.body(read, context=context, context_real=real, causal=True))


class DecoderReader:
    """A `decoding.Reader` of a decoder (KV cache).

    Args:
        rows: sequences. length: most tokens that will be read.
        context: [rows, S, W], or None for a decoder without one. real: bool [rows, S], False at padding.
    """

    def __init__(
        self, model: Decoder, rows: int, length: int, context: Tensor | None, real: Tensor | None = None
    ) -> None:
        self.model, self.context, self.real = model, context, real
        self.cache = Cache(model.body, rows, 1 + length)
        self.next = self._read(model.start.expand(rows, 1, -1))

    def read(self, ids: Tensor) -> None:
        """See `decoding.Reader`."""
        self.next = self._read(self.model.embedding(ids))

    def pick(self, rows: Tensor) -> None:
        """See `decoding.Reader`: since those of a context stay together, a context is read once for all of them."""
        self.cache.pick(rows)
        self.next = self.next[rows]

    def _read(self, x: Tensor) -> Tensor:
        """Logits [B, tokens] after vectors x [B, T, W] that follow what is in the cache."""
        hidden = self.model.body(
            x, context=self.context, context_real=self.real, causal=True, cache=self.cache
        )  # [B, T, W]
        return self.model.logits(hidden[:, -1]).float()
