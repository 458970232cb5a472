"""Where the words of a tokenized caption stand."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def word_positions(ids: Tensor) -> Tensor:
    """True at the words of captions int64 [N, L]: neither padding (id 0), nor the first nor the last real token."""
    real = ids != 0
    before_another = F.pad(real[:, 1:], (0, 1))  # False at the last real token
    words = torch.logical_and(real, before_another)
    words[:, 0] = False
    return words
