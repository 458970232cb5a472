"""What there is to see of a codebook: how often its codes are chosen, and each code decoded alone."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import torch

from bench.contracts.codes import Codes
from bench.images import grid_png, to_uint8
from bench.metrics.codebook import Counts

MOST_CODES = 1_024
"""That are counted one by one, and that are shown."""
PIXELS = 2**19
"""Decoded at most: 512 images of 32 px, which takes about a second."""
TILE = 4
"""Pixels of a code's tile."""
COLUMNS = 32
BATCH = 64


def usage_json(levels: Sequence[Counts]) -> str:
    """How often codes are chosen, as JSON of numbers.

    Of each level of a codebook `codes`, how many there are, `tokens`, how many were counted, and `counts`, those of
    single codes, most used first; of more than 1,024 codes the counts at evenly spaced places of this order.
    """
    return json.dumps({"levels": [_level(level) for level in levels]}) + "\n"


def codebook_png(codes: Codes, tally: Counts, side: int) -> bytes:
    """Each code alone, most used first, 32 a row: the middle of an image of this side whose every position has it.

    Args:
        codes: indices [N, h, w] of a codebook [K, D]. tally: how often each is chosen.
    """
    rows, columns = codes.grid
    chosen = _in_order(tally)[: min(MOST_CODES, max(1, PIXELS // side**2))]
    tiles = []
    for start in range(0, len(chosen), BATCH):
        some = torch.from_numpy(chosen[start : start + BATCH])
        images = to_uint8(codes.decode(some[:, None, None].expand(-1, rows, columns).contiguous()))
        tiles.append(images[:, _middle(images.shape[1], rows)][:, :, _middle(images.shape[2], columns)])
    return grid_png(np.concatenate(tiles), COLUMNS)


def _level(level: Counts) -> dict[str, object]:
    counts = np.sort(_padded(level))[::-1]
    places = np.linspace(0, level.size - 1, min(level.size, MOST_CODES)).round().astype(int)
    return {"codes": level.size, "tokens": int(counts.sum()), "counts": counts[places].tolist()}


def _in_order(tally: Counts) -> np.ndarray:
    """Codes int64 [K], most used first, of equally used ones the lower number."""
    return np.argsort(-_padded(tally), kind="stable")


def _padded(tally: Counts) -> np.ndarray:
    """Counts of all codes [K]."""
    return np.pad(tally.counts, (0, tally.size - len(tally.counts)))


def _middle(pixels: int, positions: int) -> np.ndarray:
    """At most `TILE` evenly spaced pixels of the position in the middle."""
    width = max(1, pixels // positions)
    start = positions // 2 * pixels // positions
    found: np.ndarray = start + np.linspace(0, width - 1, min(width, TILE)).round().astype(int)
    return found
