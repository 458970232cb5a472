"""Images from a fitted generator of codes and the method's own decoder."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from bench.contracts.task import Work
from bench.images import to_uint8
from bench.system.precision import autocast
from bench.tasks.parts.generator.model import DROPPED, ENCODER_LAYERS, CodeGenerator, sequences
from bench.tasks.parts.networks import head
from bench.tasks.parts.networks.decoding import Sampling

BATCH = 250


class Generated(NamedTuple):
    """Generated images uint8 [N, H, W, 3] and milliseconds for each, sampled and decoded."""

    images: np.ndarray
    ms_per_image: float


def make_images(
    generator: CodeGenerator,
    work: Work,
    split: str,
    sampling: Sampling,
    given: Callable[[Tensor], Tensor] | None = None,
) -> Generated:
    """A generated image for each image of a split, under the same condition.

    Args:
        work: it has codes; the split's tell the decoder, the shape and what is given.
        given: from whole sequences int64 [B, T] to the first codes [B, G], which are not generated.
    """
    codes, device = work.codes_of(split), work.device
    assert codes is not None
    rng = torch.Generator(device).manual_seed(work.seed)
    parts = []
    started = time.perf_counter()
    for start in range(0, len(codes), BATCH):
        rows = np.arange(start, min(start + BATCH, len(codes)))
        whole = sequences(codes, rows, device)  # [B, T]
        # token by token there is little to multiply: on a CPU float32 is the faster
        with autocast(device, "auto" if device.type == "cuda" else "fp32"):
            start_codes = None if given is None else given(whole)
            ids = generator.sample(split, rows, whole.shape[1], sampling, rng, start_codes)  # [B, T]
        parts.append(to_uint8(codes.decode(ids.view(len(rows), *codes.array.shape[1:]))))
    spent = time.perf_counter() - started
    return Generated(np.concatenate(parts), 1000 * spent / len(codes))


def protocol(sampling: Sampling) -> dict[str, object]:
    """What a generating task adds to its protocol."""
    return {
        "codes": "indices with embeddings of their own; raster order, residual levels innermost",
        "optimiser": head.PROTOCOL["optimiser"],
        "condition's encoder": f"a transformer of {ENCODER_LAYERS} layers",
        "hidden_conditions": DROPPED,
        "hidden_codes": "all of an image, in the share of the fit that is to come (autoregressive, with a condition)",
        "sampling": asdict(sampling),
    }
