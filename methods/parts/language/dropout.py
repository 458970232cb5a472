"""Dropout with cheaper random numbers than torch's own on a CPU."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

BITS = 16
"""Random bits of an element, so that a rate is met to within 2**-17."""


def dropout(x: Tensor, rate: float, training: bool) -> Tensor:
    """As `torch.nn.functional.dropout`, but for other draws from the same generator.

    On a CPU torch draws a number for each element, by one thread: of a text decoder's step with two threads that was a
    sixth.
    """
    if not training or x.device.type != "cpu":
        return F.dropout(x, rate, training)
    drawn = torch.empty(-(-x.numel() * BITS // 64), dtype=torch.int64).random_(-(2**63), None)  # all 64 bits are random
    bits = drawn.view(torch.int16)[: x.numel()].view(x.shape)
    kept = bits >= round(rate * 2**BITS) - 2 ** (BITS - 1)
    return x * (kept * (1 / (1 - rate))).to(x.dtype)
