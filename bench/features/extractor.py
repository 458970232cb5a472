"""Feature extractors: frozen networks that turn images into vectors, plug-ins by name, one in a file of this folder.

A distance is named after its extractor, and the extractor's fingerprint is part of the protocol, so values of different
networks are never compared. An extractor whose distances have names in the literature (FID) registers those names as
its fact `distances`.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from bench.registry import extractors


class Extractor(Protocol):
    """A frozen network. Its constructor takes the name of a device and checks the weights; loading waits for images."""

    name: str

    def fingerprint(self) -> str:
        """Hash of the weights and of what is done to the pixels before they are used."""

    def features(self, images: np.ndarray) -> Tensor:
        """Images uint8 [B, H, W, 3] to features float [B, F]; an image's features do not depend on its batch."""


def resized(images: np.ndarray, side: int, device: torch.device) -> Tensor:
    """Images uint8 [B, H, W, 3] to float [B, 3, side, side] from 0 to 255: bicubic with antialiasing, then clamped."""
    pixels = torch.tensor(images).to(device).permute(0, 3, 1, 2).float()
    return F.interpolate(pixels, (side, side), mode="bicubic", antialias=True).clamp(0, 255)


def load_extractor(name: str, device: str = "cpu") -> Extractor:
    """The extractor of this name.

    Raises:
        UsageError: unknown name.
        DataError: its weights are missing or broken; the text says how to get them.
    """
    extractor: Extractor = extractors.get(name).load()(device)
    return extractor


def distance_names(name: str) -> tuple[str, ...]:
    """The metrics that an extractor's features give, by the names of their values.

    Raises:
        UsageError: unknown name.
    """
    return extractors.get(name).facts.distances or (f"fd_{name}", f"kd_{name}")
