"""Semantic synthesis: its metric, its segmenter, and that a mask decides what is made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.squares import CPU, PIXELS, decode
from torch import Tensor

from bench.contracts.codes import Codes
from bench.contracts.data import Split
from bench.contracts.task import Work
from bench.errors import DataError
from bench.metrics.masks import mask_agreement
from bench.presets import Budget
from bench.system.torchvision_ops import make_importable
from bench.tasks.parts.generator.mask_condition import MaskCondition
from bench.tasks.parts.networks import segmenter
from bench.tasks.parts.networks.segmenter import classes_of, fitted_segmenter, segment
from bench.tasks.semantic_synthesis import SemanticSynthesis

BUDGET = Budget(steps=150, batch_size=32, learning_rate=4e-3, width=32, layers=1)
SHORT = Budget(steps=60, batch_size=32, learning_rate=3e-3, width=16, layers=0)


def squares(name: str, count: int, seed: int) -> tuple[Codes, Split]:
    """Pictures of 2x2 squares in four colours; the mask of a pixel is the number of its colour."""
    array = np.random.default_rng(seed).integers(0, 4, (count, 2, 2)).astype(np.int32)
    images, masks = PIXELS[array].repeat(8, axis=1).repeat(8, axis=2), array.repeat(8, axis=1).repeat(8, axis=2)
    return Codes(array, torch.randn(4, 6), True, decode), Split(name, images, masks=masks.astype(np.uint8))


# the metric


def test_agreement_is_the_mean_iou_of_the_classes_in_the_given_mask() -> None:
    given = np.array([[[0, 0], [1, 1]]], np.uint8)
    assert mask_agreement(given, given).tolist() == [1]
    assert mask_agreement(1 - given, given).tolist() == [0]
    found = np.array([[[0, 2], [1, 1]]], np.uint8)
    assert mask_agreement(found, given).tolist() == [pytest.approx((0.5 + 1) / 2)]
    with pytest.raises(ValueError, match="given"):
        mask_agreement(given, given[:, :1])


def test_agreement_is_that_of_torchmetrics_where_both_masks_have_the_same_classes() -> None:
    make_importable()
    from torchmetrics.functional.segmentation import mean_iou

    generator = np.random.default_rng(0)
    found, given = (generator.integers(0, 3, (5, 12, 12)).astype(np.uint8) for _ in range(2))
    expected = mean_iou(
        torch.from_numpy(found).long(), torch.from_numpy(given).long(), num_classes=3, input_format="index"
    )
    assert mask_agreement(found, given) == pytest.approx(expected.numpy(), abs=1e-6)


# the segmenter


def test_a_segmenter_learns_what_real_images_show_and_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segmenter, "RECIPE", SHORT)
    training = replace(squares("train", 128, 0)[1], cache=tmp_path)
    test = squares("test", 32, 1)[1]
    model = fitted_segmenter(training, CPU)
    assert test.masks is not None
    assert mask_agreement(segment(model, test.images, CPU), test.masks).mean() > 0.95
    (file,) = tmp_path.iterdir()
    again = fitted_segmenter(training, CPU)
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in model.state_dict().items())
    (file / "value.safetensors").write_bytes(b"nothing")
    again = fitted_segmenter(training, CPU)
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in model.state_dict().items())


def test_a_split_without_masks_is_an_error() -> None:
    with pytest.raises(DataError, match="no masks"):
        classes_of(Split("train", np.zeros((2, 16, 16, 3), np.uint8)))


# the condition


def test_the_condition_tells_each_patch_apart() -> None:
    masks = np.zeros((2, 16, 16), np.uint8)
    masks[1, 8:, 8:] = 1
    condition = MaskCondition({"train": masks}, 2, (2, 2), 8)
    one, other = condition("train", np.array([0, 1])).vectors
    assert torch.equal(one[:3], other[:3])
    assert not torch.allclose(one[3], other[3])
    inside = np.zeros((2, 16, 16), np.uint8)
    inside[0, 8:12, 8:] = inside[1, 12:, 8:] = 1  # the same share of the patch, at other places in it
    above, below = MaskCondition({"train": inside}, 2, (2, 2), 8)("train", np.array([0, 1])).vectors
    assert not torch.allclose(above[3], below[3])


def test_classes_that_training_never_had_are_an_error() -> None:
    masks = np.full((1, 16, 16), 5, np.uint8)
    with pytest.raises(DataError, match="no training mask has"):
        MaskCondition({"train": masks * 0, "test": masks}, 1, (2, 2), 8)


# the task


def test_images_show_what_their_masks_ask_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segmenter, "RECIPE", SHORT)
    sizes = {"train": 256, "validation": 40, "test": 40, "test-novel-pairs": 20}
    both = {name: squares(name, count, number) for number, (name, count) in enumerate(sizes.items())}
    codes = {name: own for name, (own, _) in both.items()}
    dataset = {name: split for name, (_, split) in both.items()}
    task = SemanticSynthesis(extractors=("tinyclip",))
    made, blind = (task.run(Work(some, dataset, BUDGET, 0, CPU)).metrics for some in (codes, None))
    assert made["mask_agreement@real"].value > 0.95
    assert made["mask_agreement"].value > 0.9 > 0.5 > blind["mask_agreement"].value
    assert made["mask_agreement@novel-pairs"].value > 0.9


def test_decode_is_exact() -> None:
    codes, split = squares("test", 3, 0)
    pixels: Tensor = codes.decode(torch.from_numpy(codes.array))
    assert np.array_equal(pixels.add(1).mul(127.5).round().permute(0, 2, 3, 1).numpy(), split.images)
