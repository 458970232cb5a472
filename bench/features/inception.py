"""The Inception network of FID and KID, as torch-fidelity carries it over from TensorFlow."""

from __future__ import annotations

import functools
import io
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.features.weights import in_hub
from bench.registry import extractors
from bench.system.fingerprint import of_value
from bench.system.torchvision_ops import make_importable

RELEASE = "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0"
URL = f"{RELEASE}/weights-inception-2015-12-05-6726825d.pth"
SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
PREPROCESSING = "torch-fidelity's: TensorFlow 1's bilinear resize to 299 px, (x - 128) / 128; 2048 pooled features"


@extractors.register("inception", distances=("fid", "kid"))
class Inception:
    """The 2048 pooled features of the Inception-V3 that FID is defined on (Heusel et al. 2017)."""

    name = "inception"

    def __init__(self, device: str = "cpu") -> None:
        self.path = in_hub(URL, SHA256)
        self.device = torch.device(device)

    def fingerprint(self) -> str:
        """Hash of the weights' hash and of what is done to the pixels."""
        return of_value([SHA256, PREPROCESSING])

    @torch.inference_mode()
    def features(self, images: np.ndarray) -> Tensor:
        """Images uint8 [B, H, W, 3] to features float [B, 2048]."""
        return self.network(torch.tensor(images).permute(0, 3, 1, 2).to(self.device))[0]

    @functools.cached_property
    def network(self) -> Any:
        """Images uint8 [B, 3, H, W] to a tuple of [B, 2048]."""
        make_importable()  # torch-fidelity imports torchvision
        from torch_fidelity import FeatureExtractorInceptionV3

        safe = io.BytesIO()  # torch-fidelity would run a pickle's code, so it gets a copy that was read without
        torch.save(torch.load(self.path, map_location="cpu", weights_only=True), safe)
        safe.seek(0)
        return FeatureExtractorInceptionV3(self.name, ["2048"], feature_extractor_weights_path=safe).to(self.device)
