"""Attention with a single head, as LG-VQ has it, by the fewest products of matrices."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


def attend(
    attention: nn.MultiheadAttention,
    asking: Tensor,
    context: Tensor,
    ignored: Tensor | None = None,
    projection: Tensor | None = None,
) -> Tensor:
    """What torch's module of one head gives for the same weights (without its dropout), up to rounding.

    A score is (x Wq + bq) (y Wk + bk)'. With one head the matrices can be multiplied with each other first,
    x (Wq Wk') y', so that the context is never mapped to keys and values; bk adds the same to all scores of a row,
    which softmax does not see. Where a projection widens the context, scores are taken in its narrow form.

    Args:
        attention: of width T, with one head. asking: [B, Q, T]. context: [B, S, E].
        ignored: bool [B, S], positions that nothing looks at.
        projection: [E, T], what makes vectors of width T of the context; None where E is T.

    Returns:
        [B, Q, T].
    """
    query, key, value = attention.in_proj_weight.chunk(3)  # [T, T] each
    query_bias, _, value_bias = attention.in_proj_bias.chunk(3)  # [T] each
    if projection is not None:
        key, value = key @ projection.T, value @ projection.T  # [T, E]
    asked = F.linear(asking, key.T @ query, query_bias @ key)  # [B, Q, E]
    scores = asked @ context.mT * len(query) ** -0.5  # [B, Q, S]
    if ignored is not None:
        scores = scores.masked_fill(ignored[:, None], float("-inf"))
    mixed = scores.softmax(-1).to(context.dtype) @ context  # [B, Q, E]
    out = attention.out_proj
    return F.linear(mixed, out.weight @ value, F.linear(value_bias, out.weight, out.bias))
