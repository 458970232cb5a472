"""Sinkhorn's algorithm: features are shared out evenly among codes at little cost (Cuturi 2013, arXiv 1306.0895)."""

from __future__ import annotations

import torch
from torch import Tensor

TINY = 1e-8
"""Added to what is divided by, as OptVQ released it. Codes whose shares add up to less stay nearly unused."""


@torch.no_grad()
def normalised_cost(distances: Tensor) -> Tensor:
    """Distances [N, K] in units of their standard deviation, the smallest 0; OptVQ, section 3.4."""
    standard = (distances - distances.mean()) / (distances.std() + 1e-6)
    return standard - standard.min()


@torch.no_grad()
def transport_plan(cost: Tensor, sharpness: float, iterations: int) -> Tensor:
    """Shares [N, K] of each code in each row, that of a row adding up to 1 and all codes nearly as large in sum.

    exp(-sharpness cost) is scaled in turn so that codes and rows add up to the same; the rows come last, so that they
    do so exactly. With more iterations it approaches the plan that costs least but for an entropy, whose weight is
    1 / sharpness.

    cost: float [N, K].
    """
    plan = (-sharpness * cost).exp()
    rows, codes = plan.shape
    plan = plan / (plan.sum() + TINY)
    for _ in range(iterations):
        plan = plan / (plan.sum(0, keepdim=True) + TINY) / codes
        plan = plan / (plan.sum(1, keepdim=True) + TINY) / rows
    return plan * rows
