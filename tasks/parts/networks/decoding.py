"""Sequences from a model that reads token after token: drawn one by one, or the likeliest by beam search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor


class Reader(Protocol):
    """A model that has read what it is told and goes on token by token, each read once.

    next: logits [B, tokens] of the token after all that has been read.
    """

    next: Tensor

    def read(self, ids: Tensor) -> None:
        """Read tokens int64 [B, T] and renew `next`."""

    def pick(self, rows: Tensor) -> None:
        """Go on with these sequences, int64 [B'], some perhaps several times; those told the same stay together."""


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
    chances, order = _ranked((logits.float() / sampling.temperature).softmax(-1))  # both [B, tokens]
    likelier = chances.cumsum(-1) - chances  # probability of all likelier tokens
    kept = likelier < sampling.top_p
    if sampling.top_k:
        kept[:, sampling.top_k :] = False
    ranks = torch.multinomial(chances * kept, 1, generator=rng)  # [B, 1]
    return order.gather(1, ranks)[:, 0]


def _ranked(chances: Tensor) -> tuple[Tensor, Tensor]:
    """Probabilities [B, tokens], the largest first, and their tokens; of equal ones the first token comes first."""
    if chances.device.type != "cpu":
        return chances.sort(dim=-1, descending=True, stable=True)
    # numpy sorts whole numbers eight times as fast as torch sorts; the bits of floats from zero on are in their order
    keys = (-chances.view(torch.int32).long() << 32) + torch.arange(chances.shape[1])
    keys.numpy().sort()
    order = keys & 0xFFFFFFFF
    return chances.gather(1, order), order


def guided(logits: Tensor, guidance: float) -> Tensor:
    """Logits [B, ...] of classifier-free guidance, from those with the condition and then those without, [2B, ...]."""
    conditional, unconditional = logits.chunk(2)
    return unconditional + guidance * (conditional - unconditional)


@torch.no_grad()
def generate(
    reader: Reader, length: int, sampling: Sampling, rng: torch.Generator, given: Tensor | None = None
) -> Tensor:
    """Sequences drawn token by token, int64 [B, length].

    Args:
        reader: of a model in evaluation mode; with guidance of 2B sequences, the second half without the condition.
        length: of the sequences.
        sampling: how tokens are drawn. rng: on the model's device.
        given: int64 [B, G], the first tokens of each sequence.
    """
    copies = 1 if sampling.guidance == 1 else 2
    ids = reader.next.new_empty((len(reader.next) // copies, 0), dtype=torch.int64) if given is None else given
    if ids.shape[1]:  # [B, G]
        reader.read(ids.repeat(copies, 1))
    while ids.shape[1] < length:
        logits = reader.next if copies == 1 else guided(reader.next, sampling.guidance)  # [B, tokens]
        token = draw(logits, sampling, rng)[:, None]  # [B, 1]
        ids = torch.cat([ids, token], 1)
        if ids.shape[1] < length:
            reader.read(token.repeat(copies, 1))
    return ids


@torch.no_grad()
def beam_search(reader: Reader, length: int, beams: int, end: int) -> Tensor:
    """The likeliest sequence per token that a beam search finds, int64 [B, length], filled with `end` after its end.

    A finished sequence keeps its beam; sequences are compared by their mean log probability, as in ClipCap.

    Args:
        reader: of a model in evaluation mode.
        length: most tokens, the end counted. beams: kept at every step. end: the token that ends a sequence.
    """
    (count, tokens), device = reader.next.shape, reader.next.device
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
