"""Images of a split as a tokenizer gives them back, batch by batch; for the blind baseline the mean training image."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bench.contracts.task import Work
from bench.images import to_uint8

BATCH = 250

Decoder = Callable[[np.ndarray], np.ndarray]
"""Rows of a split to their decoded images uint8 [B, H, W, 3]; at most `BATCH` at a time."""


def decoder_of(work: Work, split: str) -> Decoder:
    """What decodes a split's codes, or repeats the mean training image where there are none."""
    codes = work.codes_of(split)
    if codes is None:
        mean = mean_image(work.dataset["train"].images)
        return lambda rows: np.repeat(mean[None], len(rows), axis=0)
    return lambda rows: to_uint8(codes.decode(codes.rows(rows, work.device)))


def decode_all(decoder: Decoder, rows: np.ndarray) -> np.ndarray:
    """Decoded images of these rows, uint8 [N, H, W, 3]."""
    return np.concatenate([decoder(rows[start : start + BATCH]) for start in range(0, len(rows), BATCH)])


def mean_image(images: np.ndarray) -> np.ndarray:
    """The mean of images uint8 [N, H, W, 3], halves rounded up, uint8 [H, W, 3]."""
    total = np.zeros(images.shape[1:], np.float64)
    for start in range(0, len(images), BATCH):
        total += images[start : start + BATCH].sum(0, dtype=np.float64)
    mean: np.ndarray = np.floor(total / len(images) + 0.5).astype(np.uint8)
    return mean
