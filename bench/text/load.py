"""Frozen text encoders by name."""

from __future__ import annotations

import functools

import torch

from bench.contracts.method import ImageTextEncoder, TextEncoder
from bench.errors import DataError
from bench.registry import text_encoders


@functools.cache
def load_text_encoder(name: str, device: str = "cpu") -> TextEncoder:
    """The encoder of this name; "family:argument" passes the argument on.

    Raises:
        UsageError: unknown name.
        DataError: its weights are not on this machine.
    """
    encoder: TextEncoder = text_encoders.get(name).load()(name.partition(":")[2], torch.device(device))
    return encoder


def load_image_text_encoder(name: str, device: str = "cpu") -> ImageTextEncoder:
    """The text encoder of this name with its image tower.

    Raises:
        UsageError: unknown name.
        DataError: it has no image tower, or its weights are missing.
    """
    encoder = load_text_encoder(name, device)
    if not isinstance(encoder, ImageTextEncoder):
        raise DataError(f"{name} has no image tower; take --text-encoder tiny-clip or an open_clip model")
    return encoder
