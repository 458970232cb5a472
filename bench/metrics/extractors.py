"""Feature extractors: networks that say where an image lies, as plug-ins by name.

A distance is named after its extractor, and the extractor's fingerprint is part of the protocol, so numbers from
different networks are never compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from bench import fingerprint
from bench.images import to_float
from bench.registry import Registry, text_encoders
from bench.text import load_text_encoder

extractors = Registry("feature extractor", "extractors", "bench/metrics")

BATCH = 250


class Extractor(Protocol):
    """A frozen network on a device; made with the device's name.

    Raises:
        DataError: its weights are missing; the text says how to get them.
    """

    name: str

    def fingerprint(self) -> str:
        """Hash of the weights and of the code around them."""

    def features(self, images: np.ndarray) -> Tensor:
        """uint8 images [B, H, W, 3] to float features [B, F]; an image's features do not depend on its batch."""


@extractors.register("tinyclip")
class TinyClip:
    """The image tower of tiny-clip: embeddings of root mean square 1, so that x.y / F is CLIP's cosine."""

    name = "tinyclip"

    def __init__(self, device: str = "cpu") -> None:
        self.device = torch.device(device)
        self.encoder = load_text_encoder("tiny-clip", device)

    def fingerprint(self) -> str:
        """Hash of the weights and of the code around them."""
        return fingerprint.of_value(
            [self.encoder.fingerprint(), fingerprint.of_code([text_encoders.get("tiny-clip").path])]
        )

    def features(self, images: np.ndarray) -> Tensor:
        """uint8 images [B, H, W, 3] to float features [B, F]."""
        with torch.inference_mode():
            embedded = self.encoder.encode_images(to_float(images, self.device)).float()
        return torch.nn.functional.normalize(embedded, dim=1) * embedded.shape[1] ** 0.5


def load_extractor(name: str, device: str = "cpu") -> Extractor:
    """The extractor of this name.

    Raises:
        UsageError: unknown name.
        DataError: its weights are missing or broken.
    """
    extractor: Extractor = extractors.get(name).load()(device)
    return extractor


def batched_features(extractor: Extractor, images: np.ndarray) -> Iterator[Tensor]:
    """Features of images uint8 [N, H, W, 3], batch by batch."""
    for start in range(0, len(images), BATCH):
        yield extractor.features(images[start : start + BATCH])
