"""The image tower of tiny-clip, the project's own small CLIP, as a feature extractor."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from bench.images import to_float
from bench.registry import extractors
from bench.text.load import load_text_encoder
from bench.text.tiny_clip import TinyClip


@extractors.register("tinyclip")
class TinyClipImages:
    """The image tower of tiny-clip: embeddings of root mean square 1, so that x.y / F is CLIP's cosine."""

    name = "tinyclip"

    def __init__(self, device: str = "cpu") -> None:
        with torch.random.fork_rng(devices=[]):  # a new network draws weights that are then replaced
            encoder = load_text_encoder("tiny-clip", device)
        assert isinstance(encoder, TinyClip)
        self.encoder = encoder
        self.device = torch.device(device)

    def fingerprint(self) -> str:
        """Hash of the weights."""
        return self.encoder.fingerprint()

    def features(self, images: np.ndarray) -> Tensor:
        """Images uint8 [B, H, W, 3] to features float [B, F]."""
        embeddings = self.encoder.encode_images(to_float(images, self.device))
        return F.normalize(embeddings, dim=1) * embeddings.shape[1] ** 0.5
