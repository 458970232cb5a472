"""The Markov chain of VQ-Diffusion (Gu et al., CVPR 2022, arXiv 2111.14822, section 4.1): codes are masked or replaced.

It is one of the chains of D3PM (arXiv 2107.03006). K codes and a state [MASK], numbered K. From one step to the next a
code stays, is drawn anew from all K with probability K beta, or becomes [MASK] with probability gamma, which it stays.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

FIRST, LAST = 0.99999, 0.000009
"""Probability that a code has been kept after the first and the last step: the defaults of VQ-Diffusion's code. That of
[MASK] is the reverse, so only 1e-6 is left for replacements; its paper names 0.1 at the last step."""


class Schedule(NamedTuple):
    """Probability after 0, 1, ... T steps that a code was always kept, and that it is [MASK]; float64 [T + 1]."""

    kept: Tensor
    masked: Tensor


def linear_schedule(steps: int) -> Schedule:
    """VQ-Diffusion's schedule of T steps: both linear in t."""
    falling = torch.linspace(FIRST, LAST, steps, dtype=torch.float64)
    ends = torch.tensor([1.0, 0.0], dtype=torch.float64)
    return Schedule(torch.cat([ends[:1], falling]), torch.cat([ends[1:], falling.flip(0)]))


def corrupt(ids: Tensor, now: Tensor, schedule: Schedule, codes: int, rng: torch.Generator | None) -> Tensor:
    """A draw from q(x_t | x_0), int64 [B, L].

    Args:
        ids: x_0, int64 [B, L]. now: t, int64 [B]. codes: K. rng: None draws from torch's global generator.
    """
    kept, masked = (part[now, None] for part in schedule)  # [B, 1]
    chance = torch.rand(ids.shape, generator=rng, device=ids.device)  # [B, L]
    anew = torch.randint(codes, ids.shape, generator=rng, device=ids.device)  # [B, L]
    return torch.where(chance < kept, ids, torch.where(chance < kept + masked, codes, anew))


def likelihood(noisy: Tensor, kept: Tensor, masked: Tensor, codes: int) -> Tensor:
    """Probability of x_t for every code that it may come from, float32 [B, L, K].

    Args:
        noisy: x_t, int64 [B, L]. kept, masked: probabilities of the steps in between, [B]. codes: K.
    """
    kept, masked = kept[:, None, None], masked[:, None, None]  # [B, 1, 1]
    anew = ((1 - kept - masked) / codes).float()  # probability of each code where one is drawn anew
    same = noisy[..., None] == torch.arange(codes, device=noisy.device)  # [B, L, K]
    return torch.where(noisy[..., None] == codes, masked.float(), torch.where(same, kept.float() + anew, anew))


def posterior(start: Tensor, noisy: Tensor, now: Tensor, before: Tensor, schedule: Schedule) -> Tensor:
    """The sum over x_0 of q(x_s | x_t, x_0) p(x_0), float32 [B, L, K + 1]; s < t need not be neighbours.

    By Bayes' rule it is q(x_t | x_s) times the sum over x_0 of q(x_s | x_0) p(x_0) / q(x_t | x_0). Every q is one value
    for x_0 itself, one for the other codes and one for [MASK], so it costs O(K). The smallest divisor is of the order
    1e-6 / K, far from the limits of float32.

    Args:
        start: p(x_0), float32 [B, L, K]; one-hot for q(x_s | x_t, x_0) itself. noisy: x_t, int64 [B, L].
        now, before: t and s, int64 [B].
    """
    codes = start.shape[-1]
    kept, masked = (part[now] for part in schedule)  # [B], from step 0 to t
    kept_before, masked_before = (part[before] for part in schedule)  # [B], from step 0 to s
    # q(x_t | x_s) for every code x_s, [B, L, K]
    step = likelihood(noisy, kept / kept_before, 1 - (1 - masked) / (1 - masked_before), codes)
    weighted = start / likelihood(noisy, kept, masked, codes)  # p(x_0) / q(x_t | x_0), [B, L, K]
    total = weighted.sum(-1, keepdim=True)  # [B, L, 1]
    anew_before = (1 - kept_before - masked_before) / codes
    kept_before, masked_before, anew_before = (
        value.float()[:, None, None] for value in (kept_before, masked_before, anew_before)
    )  # [B, 1, 1]
    # x_s a code: kept from x_0 = x_s, or drawn anew whatever x_0 was
    code = step * (kept_before * weighted + anew_before * total)  # [B, L, K]
    # x_s = [MASK] stays, so x_t is [MASK] too, with probability 1
    mask = torch.where(noisy[..., None] == codes, masked_before * total, 0.0)  # [B, L, 1]
    return torch.cat([code, mask], -1)  # [B, L, K + 1]
