"""A causal transformer over tokens that follow a prefix of vectors, and how to draw sequences from it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tasks.parts.networks.transformer import Cache, Transformer

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
        """Logits [B, T + 1, tokens]: at i those of token i, given the prefix and ids[:, :i].

        Args:
            prefix: [B, P, W]. ids: int64 [B, T]. real: bool [B, P], False at padding, True at the first vector.
        """
        x = torch.cat([prefix, self.start.expand(len(prefix), 1, -1), self.embedding(ids)], 1)  # [B, P + 1 + T, W]
        seen = None if real is None else F.pad(real, (0, 1 + ids.shape[1]), value=True)  # [B, P + 1 + T]
        position_ids = self.position_ids(prefix.shape[1], ids.shape[1])
        hidden = self.body(x, seen, causal=True, prefix=prefix.shape[1], position_ids=position_ids)
        return self.logits(hidden[:, prefix.shape[1] :])  # [B, 1 + T, tokens]

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


@dataclass(frozen=True)
class Sampling:
    """How tokens are drawn. top_k: from the k likeliest, 0 for all. top_p: from the likeliest that hold this much of
    the probability (nucleus, arXiv 1904.09751). guidance: 1 for none, else how far logits are pushed from those without
    the condition (classifier-free, arXiv 2207.12598: without + guidance x (with - without)).
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    guidance: float = 1.0


def draw(logits: Tensor, sampling: Sampling, rng: torch.Generator) -> Tensor:
    """One token of each row of logits [B, tokens], int64 [B]."""
    # both [B, tokens], the likeliest token first
    chances, order = (logits.float() / sampling.temperature).softmax(-1).sort(dim=-1, descending=True, stable=True)
    likelier = chances.cumsum(-1) - chances  # probability of all likelier tokens
    kept = likelier < sampling.top_p
    if sampling.top_k:
        kept[:, sampling.top_k :] = False
    ranks = torch.multinomial(chances * kept, 1, generator=rng)  # [B, 1]
    return order.gather(1, ranks)[:, 0]


def guided(logits: Tensor, guidance: float) -> Tensor:
    """Logits [B, ...] of classifier-free guidance, from those with the condition and then those without, [2B, ...]."""
    conditional, unconditional = logits.chunk(2)
    return unconditional + guidance * (conditional - unconditional)


@torch.no_grad()
def generate(
    model: PrefixModel,
    prefix: Tensor,
    length: int,
    sampling: Sampling,
    rng: torch.Generator,
    real: Tensor | None = None,
    given: Tensor | None = None,
) -> Tensor:
    """Sequences drawn token by token, int64 [B, length].

    Args:
        model: in evaluation mode.
        prefix: [B, P, W]; with guidance [2B, P, W], the second half without the condition. real: as in `PrefixModel`.
        length: of the sequences.
        sampling: how tokens are drawn. rng: on the model's device.
        given: int64 [B, G], the first tokens of each sequence.
    """
    copies = 1 if sampling.guidance == 1 else 2
    ids = prefix.new_empty((len(prefix) // copies, 0), dtype=torch.int64) if given is None else given  # [B, G]
    reader = Reader(model, prefix, length, real)
    if ids.shape[1]:
        reader.read(ids.repeat(copies, 1))
    while ids.shape[1] < length:
        logits = reader.next if copies == 1 else guided(reader.next, sampling.guidance)  # [B, tokens]
        token = draw(logits, sampling, rng)[:, None]  # [B, 1]
        ids = torch.cat([ids, token], 1)
        if ids.shape[1] < length:
            reader.read(token.repeat(copies, 1))
    return ids


@torch.no_grad()
def beam_search(
    model: PrefixModel, prefix: Tensor, length: int, beams: int, end: int, real: Tensor | None = None
) -> Tensor:
    """The likeliest sequence per token that a beam search finds, int64 [B, length], filled with `end` after its end.

    A finished sequence keeps its beam; sequences are compared by their mean log probability, as in ClipCap.

    Args:
        model: in evaluation mode. prefix: [B, P, W]. real: as in `PrefixModel`.
        length: most tokens, the end counted. beams: kept at every step. end: the token that ends a sequence.
    """
    count, tokens, device = len(prefix), model.embedding.num_embeddings, prefix.device
    reader = Reader(model, prefix, length, real)
    rows = torch.arange(count, device=device)
    reader.pick(rows.repeat_interleave(beams))  # the reader's rows are [count * beams], those of a sequence together
    ids = rows.new_empty(count, beams, 0)  # [count, beams, tokens so far]
    total = torch.zeros(count, beams, device=device)  # log probability of each beam
    total[:, 1:] = -torch.inf  # all beams are the same at first: only one counts
    lengths = rows.new_zeros(count, beams)  # tokens of each beam, its end counted
    done = torch.zeros(count, beams, dtype=torch.bool, device=device)
    stay = torch.full((tokens,), -torch.inf, device=device)  # a finished beam goes on with its end, at no cost
    stay[end] = 0
    while ids.shape[2] < length and not bool(done.all()):
        if ids.shape[2]:
            reader.read(ids[:, :, -1].reshape(-1, 1))
        gains = torch.where(done[:, :, None], stay, reader.next.log_softmax(-1).view(count, beams, tokens))
        totals, longer = total[:, :, None] + gains, lengths + ~done  # [count, beams, tokens], [count, beams]
        best = (totals / longer[:, :, None]).flatten(1).topk(beams).indices  # [count, beams], of beams * tokens
        beam, token = best // tokens, best % tokens  # the beam that goes on, and by which token
        total, lengths = totals.flatten(1).gather(1, best), longer.gather(1, beam)
        so_far = ids.gather(1, beam[:, :, None].expand(-1, -1, ids.shape[2]))
        ids = torch.cat([so_far, token[:, :, None]], 2)
        done = token == end
        reader.pick((rows[:, None] * beams + beam).flatten())
    winner = ids[rows, (total / lengths).argmax(1)]  # [count, tokens so far]
    return F.pad(winner, (0, length - winner.shape[1]), value=end)
