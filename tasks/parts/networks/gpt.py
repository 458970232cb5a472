"""A causal transformer over tokens that follow a prefix of vectors; `decoding` draws sequences from it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.tasks.parts.networks.transformer import Cache, Transformer

INITIAL = 0.02
"""Standard deviation of learned vectors at the start, as in GPT-2; with 1 a model learns half as fast."""


class PrefixModel(nn.Module):
    """Predicts each token from a prefix and the tokens before it: GPT, with a prefix as in ClipCap (arXiv 2111.09734).

    The vectors of the prefix all look at each other. A learned start vector stands between them and the tokens, so the
    prefix may be padded, or empty. A token's learned position does not depend on the prefix's length.

    Args:
        tokens: size of the vocabulary. prefix: most vectors before the tokens. length: most tokens of a sequence.
    """

    def __init__(self, tokens: int, width: int, layers: int, prefix: int, length: int) -> None:
        super().__init__()
        self.width, self.length = width, length
        self.start = nn.Parameter(torch.empty(width))
        self.embedding = nn.Embedding(tokens, width)
        self.body = Transformer(width, layers, prefix + 1 + length)
        self.logits = nn.Linear(width, tokens)
        for learned in (self.start, self.embedding.weight, self.body.positions):
            nn.init.normal_(learned, std=INITIAL)

    def forward(self, prefix: Tensor, ids: Tensor, real: Tensor | None = None) -> Tensor:
        """Logits [B * n, T + 1, tokens]: at i those of token i, given the prefix and ids[:, :i].

        The n sequences of a prefix stand behind each other, so that it is read once, and do not see each other.

        Args:
            prefix: [B, P, W]. ids: int64 [B * n, T]. real: bool [B, P], False at padding, True at the first vector.
        """
        rows, length = prefix.shape[:2]
        copies, each = len(ids) // rows, 1 + ids.shape[1]
        tokens = torch.cat([self.start.expand(len(ids), 1, -1), self.embedding(ids)], 1)  # [B * n, 1 + T, W]
        x = torch.cat([prefix, tokens.reshape(rows, copies * each, -1)], 1)  # [B, P + n (1 + T), W]
        seen = None if real is None else F.pad(real, (0, copies * each), value=True)  # [B, P + n (1 + T)]
        numbers = self.position_ids(length, ids.shape[1])
        numbers = torch.cat([numbers[:length], numbers[length:].repeat(copies)])
        hidden = self.body(x, seen, causal=True, prefix=length, position_ids=numbers, each=each)
        return self.logits(hidden[:, length:].reshape(len(ids), each, -1))

    def position_ids(self, prefix: int, tokens: int) -> Tensor:
        """Numbers of learned positions, int64 [P + 1 + T]; the prefix has those behind the longest sequence's."""
        device = self.start.device
        return torch.cat(
            [torch.arange(prefix, device=device) + 1 + self.length, torch.arange(1 + tokens, device=device)]
        )


class Reader:
    """A model that has read a prefix and reads token after token, each once (KV cache).

    next: logits [B, tokens] of the token after all that has been read.
    """

    def __init__(self, model: PrefixModel, prefix: Tensor, length: int, real: Tensor | None = None) -> None:
        self.model = model
        self.real = None if real is None else F.pad(real, (0, 1 + length), value=True)  # [B, P + 1 + length]
        self.cache = Cache(model.body, len(prefix), prefix.shape[1] + 1 + length)
        self.position_ids = model.position_ids(prefix.shape[1], length)
        x = torch.cat([prefix, model.start.expand(len(prefix), 1, -1)], 1)  # [B, P + 1, W]
        self.next = self._read(x, prefix.shape[1])

    def read(self, ids: Tensor) -> None:
        """Read tokens int64 [B, T] and renew `next`."""
        self.next = self._read(self.model.embedding(ids))

    def pick(self, rows: Tensor) -> None:
        """Go on with these sequences, int64 [B'], some perhaps several times."""
        self.cache.pick(rows)
        self.real = None if self.real is None else self.real[rows]
        self.next = self.next[rows]

    def _read(self, x: Tensor, prefix: int = 0) -> Tensor:
        """Logits [B, tokens] after vectors x [B, T, W] that follow what is in the cache."""
        start, end = self.cache.filled, self.cache.filled + x.shape[1]
        seen = None if self.real is None else self.real[:, :end]
        position_ids = self.position_ids[start:end]
        hidden = self.model.body(
            x, seen, causal=True, prefix=prefix, cache=self.cache, position_ids=position_ids
        )  # [B, T, W]
        return self.model.logits(hidden[:, -1]).float()
