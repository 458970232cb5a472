"""Batch normalisation by the means and variances of all ranks' images."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from typing_extensions import override

from bench.system import ranks

KINDS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)


class JointBatchNorm(nn.modules.batchnorm._BatchNorm):
    """Training as one process with the joint batch, evaluation as ever.

    torch's own `SyncBatchNorm` has no CPU form, and wants a default group, which `ranks` does not make.
    """

    @override
    def forward(self, x: Tensor) -> Tensor:
        """Values [B, C, ...] to values of the same shape and type; statistics are float32 under autocast too."""
        if not self.training:
            return super().forward(x)
        with torch.autocast(x.device.type, enabled=False):
            values = x.to(torch.promote_types(x.dtype, torch.float32))
            mean, variance = self._statistics(values)
            unit = (values - mean) * (variance + self.eps).rsqrt()
            if self.affine:
                unit = unit * self.weight.view(mean.shape) + self.bias.view(mean.shape)
        return unit.to(x.dtype)

    def _statistics(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance of each channel over all ranks, both [1, C, 1, ...], as one exchange gives them."""
        over = [0, *range(2, values.ndim)]
        variance, mean = torch.var_mean(values, over, correction=0, keepdim=True)
        means, variances = ranks.joint(torch.stack([mean, variance], 1)).unbind(1)  # [ranks, C, 1, ...] each
        mean = means.mean(0, keepdim=True)
        variance = variances.mean(0, keepdim=True) + (means - mean).square().mean(0, keepdim=True)
        self._remember(mean.flatten(), variance.flatten(), values.numel() // values.shape[1])
        return mean, variance

    @override
    def _check_input_dim(self, input: Tensor) -> None:
        return

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor, values: int) -> None:
        """Move the running statistics [C] towards those of this step; values: of a channel in this rank's slice."""
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked.add_(1)
        share = 1 / self.num_batches_tracked.item() if self.momentum is None else self.momentum
        every = values * ranks.count()
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance * every / max(1, every - 1), share)


def normalise_jointly(network: nn.Module) -> None:
    """Have torch's layers of batch normalisation, wherever in the network, use the statistics of all ranks.

    They stay the same objects with the same weights, since others may hold them too.
    """
    for module in network.modules():
        if type(module) in KINDS:
            module.__class__ = JointBatchNorm
