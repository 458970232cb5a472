"""LG-VQ's similarity MSE: are cosines between matched codes equal to the cosines between their words?"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def similarity_mse(words: Tensor, codes: Tensor) -> float:
    """Mean squared difference of the two matrices of cosines, without their diagonals (arXiv 2405.14206, Table 4).

    Args:
        words: embeddings [M, T] of different words. codes: [M, D], matched to them.

    Raises:
        ValueError: not as many codes as words, or fewer than two.
    """
    if len(words) != len(codes) or len(words) < 2:
        raise ValueError(f"{len(words)} words and {len(codes)} codes have no pairs to compare")
    word_units, code_units = (F.normalize(vectors.double(), dim=-1) for vectors in (words, codes))
    difference = word_units @ word_units.T - code_units @ code_units.T  # [M, M]
    off_diagonal = ~torch.eye(len(words), dtype=torch.bool, device=words.device)
    return float(difference[off_diagonal].square().mean())
