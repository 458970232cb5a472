"""Muon for small matrices on a CPU (Jordan et al. 2024, kellerjordan.github.io/posts/muon)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from typing_extensions import override

MOMENTUM = 0.95
COEFFICIENTS = (3.4445, -4.775, 2.0315)
ITERATIONS = 5
TINY = 1e-7
"""torch's own settings of the momentum and of the Newton-Schulz iterations."""
LONG = 2
"""Matrices so many times longer than wide are orthogonalised by their Gram matrices."""


class Muon(torch.optim.Muon):
    """torch's Muon; but it orthogonalises in float32, all matrices of one shape at once.

    torch's goes through them one by one in bf16, which takes four times as long for a head's matrices on a CPU. And it
    refuses kernels of convolutions; here a kernel [out, in, k, k] is a matrix [out, in * k * k].

    Args:
        params: of two or more dimensions, or groups of such, each with an "lr" of its own where it has another.
    """

    def __init__(self, params: Iterable[nn.Parameter] | list[dict[str, Any]], lr: float, weight_decay: float) -> None:
        torch.optim.Optimizer.__init__(self, params, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    @override
    def step(self, closure: Any = None) -> Any:
        """A step of all parameters that have a gradient; closure: not supported."""
        assert closure is None
        for group in self.param_groups:
            of_shape: dict[torch.Size, list[tuple[Tensor, Tensor]]] = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is not None:
                    direction = self._direction(parameter, parameter.grad).flatten(1)
                    of_shape[direction.shape].append((parameter, direction))
            for (rows, columns), pairs in of_shape.items():
                updates = orthogonalised(torch.stack([direction for _, direction in pairs]))  # [n, rows, columns]
                rate = group["lr"] * max(1, rows / columns) ** 0.5
                for (parameter, _), update in zip(pairs, updates, strict=True):
                    parameter.mul_(1 - group["lr"] * group["weight_decay"]).sub_(update.view_as(parameter), alpha=rate)

    def _direction(self, parameter: Tensor, gradient: Tensor) -> Tensor:
        """Nesterov's momentum, and the buffer behind it renewed."""
        state = self.state[parameter]
        if not state:
            state["momentum_buffer"] = torch.zeros_like(gradient)
        buffer: Tensor = state["momentum_buffer"].lerp_(gradient, 1 - MOMENTUM)
        return gradient.lerp(buffer, MOMENTUM)


def orthogonalised(matrices: Tensor) -> Tensor:
    """Matrices [n, r, c] with singular values near 1 (about 0.7 to 1.2), by Newton-Schulz iterations.

    An iteration multiplies X from the left by p(X X'), a polynomial. Long matrices are spared all products of their
    own size but two: the iterations go on with the small Gram matrix, which becomes p G p, and with the product of
    the p. That is the same but for rounding, and takes half the time for a matrix four times longer than wide.
    """
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if tall else matrices
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=TINY)
    if x.shape[2] < LONG * x.shape[1]:
        for _ in range(ITERATIONS):
            x = _factor(x @ x.mT) @ x
        return x.mT if tall else x
    gram = x @ x.mT
    product = factor = _factor(gram)
    for _ in range(ITERATIONS - 1):
        gram = factor @ gram @ factor
        factor = _factor(gram)
        product = factor @ product
    x = product @ x
    return x.mT if tall else x


def _factor(gram: Tensor) -> Tensor:
    """What an iteration multiplies by: the polynomial a + b G + c G^2 of Gram matrices [n, r, r]."""
    a, b, c = COEFFICIENTS
    factor = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
    factor.diagonal(dim1=1, dim2=2).add_(a)
    return factor
