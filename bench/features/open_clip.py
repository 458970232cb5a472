"""A CLIP's image tower by open_clip, for CMMD."""

from __future__ import annotations

import functools

import numpy as np
import torch
from torch import Tensor

from bench.contracts.method import ImageTextEncoder
from bench.features.weights import in_hub
from bench.images import to_float
from bench.registry import extractors
from bench.system.fingerprint import of_value
from bench.text.load import load_image_text_encoder

URL = "https://huggingface.co/timm/vit_base_patch32_clip_224.openai/resolve/main/open_clip_model.safetensors"
SHA256 = "e6d1bd7789aa45192b3bf90570a789b478bae1b74ebcce7eddd908e83a2b7c31"
MODEL = "ViT-B-32-quickgelu"
PREPROCESSING = f"{MODEL} of open_clip, bicubic with antialiasing to 224 px, CLIP's mean and deviation"


@extractors.register("open-clip", distances=("cmmd_vit-b-32",))
class OpenClipImages:
    """OpenAI's CLIP ViT-B/32; CMMD as published takes ViT-L/14 at 336 px, so the value carries the encoder's name."""

    name = "open-clip"

    def __init__(self, device: str = "cpu") -> None:
        self.path = in_hub(URL, SHA256)
        self.device = torch.device(device)

    def fingerprint(self) -> str:
        """Hash of the weights' hash and of what is done to the pixels."""
        return of_value([SHA256, PREPROCESSING])

    def features(self, images: np.ndarray) -> Tensor:
        """Images uint8 [B, H, W, 3] to features float [B, 512]."""
        return self.encoder.encode_images(to_float(images, self.device))

    @functools.cached_property
    def encoder(self) -> ImageTextEncoder:
        """The whole CLIP."""
        return load_image_text_encoder(f"open_clip:{MODEL}/{self.path}", str(self.device))
