"""LPIPS (Zhang et al. 2018, arXiv 1801.03924, version 0.1): a distance of images by the features of a network.

As a metric, on AlexNet or VGG16, and as a training loss, on VGG16: gradients flow to the images.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.features.lpips_weights import LpipsBackbone, load_backbone
from bench.features.weights import in_package

CHANNELS_SHA256: Mapping[LpipsBackbone, str] = {
    "alex": "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
    "vgg": "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868",
}
SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)


class Convolution(NamedTuple):
    """layer: its number in torchvision's file."""

    layer: int
    stride: int = 1
    padding: int = 1


class Stage(NamedTuple):
    """Max pooling with this window and stride 2 (0: none), then convolutions with ReLU; the last output is compared."""

    pool: int
    convolutions: tuple[Convolution, ...]


class Architecture(NamedTuple):
    """The convolutional part of a network of torchvision; smallest: the smallest side in pixels that it can see."""

    smallest: int
    stages: tuple[Stage, ...]


ARCHITECTURES: Mapping[LpipsBackbone, Architecture] = {
    "alex": Architecture(
        31,
        (
            Stage(0, (Convolution(0, stride=4, padding=2),)),
            Stage(3, (Convolution(3, padding=2),)),
            Stage(3, (Convolution(6),)),
            Stage(0, (Convolution(8),)),
            Stage(0, (Convolution(10),)),
        ),
    ),
    "vgg": Architecture(
        16,
        (
            Stage(0, (Convolution(0), Convolution(2))),
            Stage(2, (Convolution(5), Convolution(7))),
            Stage(2, (Convolution(10), Convolution(12), Convolution(14))),
            Stage(2, (Convolution(17), Convolution(19), Convolution(21))),
            Stage(2, (Convolution(24), Convolution(26), Convolution(28))),
        ),
    ),
}


class LpipsNetwork(nn.Module):
    """Distance of two batches of images [B, 3, H, W] in [-1, 1], float [B].

    Its weights are buffers that no checkpoint keeps. Released taming and LG-VQ leave LPIPS's dropout on while they
    train (their trainer's `train()` undoes its `eval()`); here it is off.

    Args:
        weights: the backbone's convolutions by torchvision's names; None reads them from this machine.

    Raises:
        DataError: the weights are not on this machine, or are not what their name says; the text says how to get them.
    """

    def __init__(self, backbone: LpipsBackbone, weights: Mapping[str, Tensor] | None = None) -> None:
        super().__init__()
        weights = load_backbone(backbone) if weights is None else weights
        architecture = ARCHITECTURES[backbone]
        self.smallest = architecture.smallest
        self.pools = [stage.pool for stage in architecture.stages]
        self.stages = nn.ModuleList(
            nn.ModuleDict({str(each.layer): _FrozenConvolution(each, weights) for each in stage.convolutions})
            for stage in architecture.stages
        )
        # LPIPS's own weights of channels, which torchmetrics carries: an import of it would take three seconds
        path = in_package("torchmetrics", f"functional/image/lpips_models/{backbone}.pth", CHANNELS_SHA256[backbone])
        linear = torch.load(path, map_location="cpu", weights_only=True)
        for number in range(len(self.stages)):
            self.register_buffer(f"linear{number}", linear[f"lin{number}.model.1.weight"], persistent=False)
        self.register_buffer("shift", torch.tensor(SHIFT).view(3, 1, 1), persistent=False)
        self.register_buffer("scale", torch.tensor(SCALE).view(3, 1, 1), persistent=False)

    def forward(self, images: Tensor, others: Tensor) -> Tensor:
        """Mean over positions, summed over stages, of the weighted squared differences of normalised features."""
        x = (torch.cat([images, others]) - self.get_buffer("shift")) / self.get_buffer("scale")  # [2B, 3, H, W]
        total = x.new_zeros(len(images))
        for number, (pool, stage) in enumerate(zip(self.pools, self.stages, strict=True)):
            x = F.max_pool2d(x, pool, stride=2) if pool else x
            assert isinstance(stage, nn.ModuleDict)
            for convolution in stage.values():
                x = convolution(x)  # [2B, C, h, w]
            ours, theirs = F.normalize(x.float(), dim=1, eps=1e-10).chunk(2)
            weighted = F.conv2d((ours - theirs).square(), self.get_buffer(f"linear{number}"))  # [B, 1, h, w]
            total = total + weighted.float().mean((1, 2, 3))
        return total

    def fingerprint(self) -> str:
        """Hash of all weights, wherever they came from."""
        digest = hashlib.sha256()
        for name, weight in sorted(self.named_buffers()):
            digest.update(name.encode() + weight.cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()


class _FrozenConvolution(nn.Module):
    """A convolution and ReLU whose weights are buffers: they are neither trained nor saved."""

    def __init__(self, convolution: Convolution, weights: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.stride, self.padding = convolution.stride, convolution.padding
        for kind in ("weight", "bias"):
            self.register_buffer(kind, weights[f"features.{convolution.layer}.{kind}"], persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        weight, bias = self.get_buffer("weight"), self.get_buffer("bias")
        return F.relu(F.conv2d(x, weight, bias, self.stride, self.padding))
