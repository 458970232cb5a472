"""DINOv2 by timm: features that follow human judgement of images better than Inception's."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.features.extractor import resized
from bench.features.weights import in_hub
from bench.registry import extractors
from bench.system.fingerprint import of_value
from bench.system.torchvision_ops import make_importable

URL = "https://dl.fbaipublicfiles.com/dinov2/dinov2_vits14/dinov2_vits14_pretrain.pth"
SHA256 = "b938bf1bc15cd2ec0feacfe3a1bb553fe8ea9ca46a7e1d8d00217f29aef60cd9"
MODEL = "vit_small_patch14_dinov2.lvd142m"
SIDE = 224
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
PREPROCESSING = f"ViT-S/14 of timm at {SIDE} px, bicubic with antialiasing, ImageNet's mean and deviation; class token"


@extractors.register("dinov2")
class Dinov2:
    """The class token of DINOv2's ViT-S/14; Stein et al. 2023 (arXiv 2306.04675) take the larger ViT-L/14."""

    name = "dinov2"

    def __init__(self, device: str = "cpu") -> None:
        self.path = in_hub(URL, SHA256)
        self.device = torch.device(device)

    def fingerprint(self) -> str:
        """Hash of the weights' hash and of what is done to the pixels."""
        return of_value([SHA256, PREPROCESSING])

    @torch.inference_mode()
    def features(self, images: np.ndarray) -> Tensor:
        """Images uint8 [B, H, W, 3] to features float [B, 384]."""
        mean, std = (torch.tensor(values, device=self.device).view(3, 1, 1) for values in (MEAN, STD))
        return self.network((resized(images, SIDE, self.device) / 255 - mean) / std)

    @functools.cached_property
    def network(self) -> Any:
        """Images [B, 3, 224, 224] to [B, 384]."""
        make_importable()
        import timm

        weights = torch.load(self.path, map_location="cpu", weights_only=True)
        overlay = {"state_dict": weights}  # timm itself would read the file without restriction
        network = timm.create_model(MODEL, pretrained=True, pretrained_cfg_overlay=overlay, img_size=SIDE)
        return network.eval().requires_grad_(False).to(self.device)
