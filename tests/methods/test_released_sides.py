"""Sides of images that a released tokenizer was not made for, and code grids that are no squares."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers.released import build, drawn_state, images
from PIL import Image

from bench.errors import UsageError
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


def test_images_that_are_no_squares(weights: Path) -> None:
    tokenizer = build(Pretrained(weights))
    with torch.inference_mode():
        found = tokenizer.encode(images(2, 3, 24, 48))
        assert found.shape == (2, 6, 12)
        assert tokenizer.decode(found).shape == (2, 3, 24, 48)
