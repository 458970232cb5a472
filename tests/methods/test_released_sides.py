"""Sides of images that a released tokenizer was not made for, and code grids that are no squares."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers.released import SMOKE, build, drawn_state, images
from PIL import Image
from torch import Tensor
from typing_extensions import override

from bench.contracts.data import Split
from bench.contracts.method import Batch, Tokenizer
from bench.errors import UsageError
from bench.experiment.encode import check_tokenizer, encode_split
from bench.images import to_float
from bench.methods.parts.released import llamagen
from bench.methods.parts.released.network import Sides, outline, resized
from bench.methods.pretrained import Pretrained

SHAPE = llamagen.Shape(first=32, levels=[32, 32, 64], blocks=1, z_channels=32, codes=48, width=8)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with outline():
        network = llamagen.LlamaGenTokenizer(SHAPE, Sides(32, 32))
    path = tmp_path_factory.mktemp("released") / "vq_small.pt"
    torch.save({"model": drawn_state(network)}, path)
    return path


def test_images_are_resized_on_the_way_in_and_out(weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    resizing, plain = build(Pretrained(weights, image_size=48)), build(Pretrained(weights, image_size=48), side=48)
    assert "images of 48 px (resized from 32), 12x12 codes of 48" in capsys.readouterr().err
    pictures = images(2, 3, 32, 32)
    with torch.inference_mode():
        larger = F.interpolate(pictures, size=(48, 48), mode="bicubic", antialias=True).clamp(-1, 1)
        found = resizing.encode(pictures)
        assert torch.equal(found, plain.encode(larger))
        smaller = F.interpolate(plain.decode(found).clamp(-1, 1), size=(32, 32), mode="bicubic", antialias=True)
        torch.testing.assert_close(resizing.decode(found), smaller)
    assert found.shape[1:] == resizing.grid == (12, 12)


def test_resizing_is_pillows() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    ours = resized(torch.tensor(picture).permute(2, 0, 1)[None].float(), 24)[0].permute(1, 2, 0).clamp(0, 255)
    theirs = np.asarray(Image.fromarray(picture).resize((24, 24), Image.Resampling.BICUBIC)).astype(np.float32)
    assert np.abs(ours.numpy() - theirs).max() < 1.1  # Pillow rounds to whole numbers after each direction


def test_the_presets_own_side_resizes_nothing(weights: Path) -> None:
    assert not build(Pretrained(weights)).resizes
    assert not build(Pretrained(weights, image_size=32)).resizes


@pytest.mark.parametrize(("side", "works"), [(30, 32), (33, 32), (1, 4), (250, 248)])
def test_the_nearest_side_that_works_is_named_and_works(weights: Path, side: int, works: int) -> None:
    with pytest.raises(UsageError, match=f"halves images 2 times, which {side} pixels do not allow; .*={works}$"):
        build(Pretrained(weights, image_size=side))
    assert build(Pretrained(weights, image_size=works)).grid == (works // 4, works // 4)


class Oblong(Tokenizer):
    """Every image is 8 rows of 4 colours."""

    def __init__(self) -> None:
        super().__init__()
        self.grid = (8, 4)
        self.register_buffer("codebook", torch.rand(16, 3, generator=torch.Generator().manual_seed(0)) * 2 - 1)

    @override
    def encode(self, images: Tensor) -> Tensor:
        means = F.adaptive_avg_pool2d(images, self.grid).permute(0, 2, 3, 1)
        return torch.cdist(means.flatten(1, 2), self.codebook).argmin(2).view(len(images), *self.grid)

    @override
    def decode(self, indices: Tensor) -> Tensor:
        return F.interpolate(self.codebook[indices].permute(0, 3, 1, 2), size=(32, 32))

    @override
    def losses(self, batch: Batch, step: int) -> dict[str, Tensor]:
        return {}


def test_a_grid_that_is_no_square_goes_through_the_harness(tmp_path: Path) -> None:
    tokenizer = Oblong()
    check_tokenizer(tokenizer, "oblong", SMOKE)
    pictures = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)
    codes = encode_split(tokenizer, Split("test", pictures), tmp_path, torch.device("cpu"), lambda *_: None)
    assert codes.grid == (8, 4)
    rows = np.arange(5)
    indices = codes.rows(rows, torch.device("cpu"))
    assert torch.equal(indices, tokenizer.encode(to_float(pictures, torch.device("cpu"))))
    vectors = codes.vectors(rows, torch.device("cpu"))
    assert torch.equal(vectors.view(5, 8, 4, 3)[2, 7, 1], tokenizer.codebook[indices[2, 7, 1]])  # row by row
    assert codes.decode(indices).shape == (5, 3, 32, 32)


def test_images_that_are_no_squares(weights: Path) -> None:
    tokenizer = build(Pretrained(weights))
    with torch.inference_mode():
        found = tokenizer.encode(images(2, 3, 24, 48))
        assert found.shape == (2, 6, 12)
        assert tokenizer.decode(found).shape == (2, 3, 24, 48)
