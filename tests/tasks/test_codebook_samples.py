"""What a reconstruction's record shows of the codebook and of the training."""

from __future__ import annotations

import io
import json

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from bench.contracts.codes import Codes
from bench.metrics.codebook import count_codes
from bench.tasks.parts.codebook_samples import COLUMNS, MOST_CODES, TILE, codebook_png, usage_json
from bench.tasks.parts.losses import POINTS, losses_json

GAP = 2


def shades(indices: Tensor) -> Tensor:
    """A code is a shade of grey, 8 x 8 pixels a position."""
    shade = (indices.float() / 127.5 - 1)[:, None].expand(-1, 3, -1, -1)
    return shade.repeat_interleave(8, 2).repeat_interleave(8, 3)


def test_codes_are_shown_alone_most_used_first() -> None:
    array = np.array([[[7, 7], [7, 40]], [[200, 200], [7, 40]]], np.int32)
    codes = Codes(array, torch.zeros(256, 4), True, shades)
    (tally,) = count_codes(array, 256)
    sheet = np.asarray(Image.open(io.BytesIO(codebook_png(codes, tally, 16))))
    step = TILE + GAP
    assert sheet.shape == (256 // COLUMNS * step - GAP, COLUMNS * step - GAP, 3)
    tiles = [sheet[i // COLUMNS * step :][:TILE, i % COLUMNS * step :][:, :TILE] for i in range(256)]
    assert all((tile == tile[0, 0]).all() for tile in tiles)
    assert [int(tile[0, 0, 0]) for tile in tiles[:5]] == [7, 40, 200, 0, 1]


def test_large_images_are_decoded_of_few_codes_alone() -> None:
    decoded = []

    def decode(indices: Tensor) -> Tensor:
        decoded.append(len(indices))
        return torch.zeros(len(indices), 3, 256, 256)

    array = np.zeros((2, 16, 16), np.int32)
    codebook_png(Codes(array, torch.zeros(4_096, 4), True, decode), count_codes(array, 4_096)[0], 256)
    assert sum(decoded) * 256**2 <= 512 * 32**2


def test_usage_is_of_each_level_in_order_of_use() -> None:
    array = np.array([[[[0, 3], [1, 3]], [[1, 3], [1, 2]]]], np.int32)
    levels = json.loads(usage_json(count_codes(array, 4)[1:]))["levels"]
    assert levels == [
        {"codes": 4, "tokens": 4, "counts": [3, 1, 0, 0]},
        {"codes": 4, "tokens": 4, "counts": [3, 1, 0, 0]},
    ]


def test_usage_of_many_codes_is_short() -> None:
    array = np.random.default_rng(0).integers(0, 50_000, (500, 16, 16)).astype(np.int32)
    text = usage_json(count_codes(array, 2**16))
    (level,) = json.loads(text)["levels"]
    assert len(text) < 8_000
    assert len(level["counts"]) == MOST_CODES
    assert level["counts"] == sorted(level["counts"], reverse=True)
    assert level["tokens"] == array.size
    assert level["counts"][-1] == 0


def test_losses_are_means_that_end_together() -> None:
    rising = [float(i) for i in range(1_000)]
    losses = json.loads(losses_json({"l1": rising, "discriminator": rising[:500]}))["losses"]
    assert len(losses["l1"]) == len(losses["discriminator"]) == POINTS
    assert losses["l1"][:2] == [4.5, 14.5]
    assert losses["discriminator"][:50] == [None] * 50
    assert losses["discriminator"][50:52] == [4.5, 14.5]


def test_few_losses_are_kept_as_they_are() -> None:
    assert json.loads(losses_json({"l1": [3.0, 2.0, 1.0]})) == {"losses": {"l1": [3.0, 2.0, 1.0]}}
