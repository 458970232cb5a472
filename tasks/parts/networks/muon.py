"""Muon for small matrices on a CPU (Jordan et al. 2024, kellerjordan.github.io/posts/muon)."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import torch
from torch import Tensor
from typing_extensions import override


class Muon(torch.optim.Muon):
    """torch's Muon; but it orthogonalises in float32, all matrices of one shape at once.

    torch's goes through them one by one in bf16, which takes four times as long for a head's matrices on a CPU.
    """

    @torch.no_grad()
    @override
    def step(self, closure: Any = None) -> Any:
        """A step of all parameters that have a gradient; closure: not supported."""
        assert closure is None
        for group in self.param_groups:
            of_shape: dict[torch.Size, list[tuple[Tensor, Tensor]]] = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is not None:
                    direction = self._direction(parameter, parameter.grad, group["momentum"])
                    of_shape[parameter.shape].append((parameter, direction))
            for (rows, columns), pairs in of_shape.items():
                directions = torch.stack([direction for _, direction in pairs])  # [n, rows, columns]
                updates = orthogonalised(directions, group)
                rate = group["lr"] * max(1, rows / columns) ** 0.5
                for (parameter, _), update in zip(pairs, updates, strict=True):
                    parameter.mul_(1 - group["lr"] * group["weight_decay"]).sub_(update, alpha=rate)

    def _direction(self, parameter: Tensor, gradient: Tensor, momentum: float) -> Tensor:
        """Nesterov's momentum, and the buffer behind it renewed."""
        state = self.state[parameter]
        if not state:
            state["momentum_buffer"] = torch.zeros_like(gradient)
        buffer: Tensor = state["momentum_buffer"].lerp_(gradient, 1 - momentum)
        return gradient.lerp(buffer, momentum)


def orthogonalised(matrices: Tensor, group: dict[str, Any]) -> Tensor:
    """Matrices [n, r, c] with singular values near 1 (about 0.7 to 1.2), by Newton-Schulz iterations.

    group: Muon's settings "ns_coefficients", "ns_steps" and "eps".
    """
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if tall else matrices
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=group["eps"])
    a, b, c = group["ns_coefficients"]
    for _ in range(group["ns_steps"]):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x
