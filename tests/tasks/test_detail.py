"""The task `detail` on images whose loss is known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from bench.contracts.codes import Codes
from bench.contracts.data import Split
from bench.contracts.result import TaskResult
from bench.contracts.task import Work
from bench.data.rendered_text import RenderedText
from bench.images import to_float
from bench.metrics.image import psnr, ssim
from bench.presets import Budget
from bench.tasks.detail import Detail

CPU = torch.device("cpu")
BUDGET = Budget(1, 1, 1e-3, 8, 1)


@pytest.fixture(scope="module")
def splits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Split]:
    made = RenderedText(limits={"train": 40, "validation": 4, "test": 12})
    folder: Path = tmp_path_factory.mktemp("cache")
    return {name: made.split(name, folder) for name in made.splits}


def run(splits: dict[str, Split], change: Callable[[np.ndarray], np.ndarray] | None) -> TaskResult:
    """The task on codes that number the images, 8 x 8 an image, and decode to the changed image."""

    def decoder(split: Split) -> Callable[[Tensor], Tensor]:
        return lambda picked: to_float(change(split.images[picked[:, 0, 0].numpy()]), CPU)

    codes = None
    if change is not None:
        numbers = {name: np.arange(len(split)).repeat(64).reshape(-1, 8, 8) for name, split in splits.items()}
        codes = {name: Codes(numbers[name], torch.eye(64), True, decoder(split)) for name, split in splits.items()}
    return Detail().run(Work(codes, splits, BUDGET, 0, CPU))


def blur(images: np.ndarray) -> np.ndarray:
    return gaussian_filter(images, (0, 1, 1, 0), mode="reflect")


@pytest.fixture(scope="module")
def blurred(splits: dict[str, Split]) -> TaskResult:
    return run(splits, blur)


def test_unchanged_images_keep_all_detail(splits: dict[str, Split]) -> None:
    values = {name: score.value for name, score in run(splits, lambda images: images).metrics.items()}
    assert values["detail_kept"] == values["detail_kept/2-to-4-px"] == values["energy_kept/2-to-4-px"] == 1
    assert (values["finest_detail"], values["finest_detail_cells"]) == (2, 0.5)
    assert values["psnr"] == values["psnr/mean-colour"] == values["psnr/2-to-4-px"] == 100
    assert values["ssim"] == pytest.approx(1)
    assert values["ssim/down-to-8-px"] == pytest.approx(1)
    assert values["detail_error/over-16-px"] == 0


def test_blurred_images_keep_the_coarse(splits: dict[str, Split], blurred: TaskResult) -> None:
    values = {name: score.value for name, score in blurred.metrics.items()}
    by_band = [values[f"detail_kept/{name}"] for name in ("over-16-px", "8-to-16-px", "4-to-8-px", "2-to-4-px")]
    assert by_band == sorted(by_band, reverse=True)
    assert by_band[0] > 0.98
    assert by_band[-1] < 0.3
    assert values["ssim/down-to-16-px"] > values["ssim/down-to-8-px"] > values["ssim/down-to-4-px"] > values["ssim"]
    originals = splits["test"].images
    assert values["psnr"] == pytest.approx(psnr(blur(originals), originals).mean())
    assert values["ssim"] == pytest.approx(ssim(blur(originals), originals).mean())
    assert blurred.samples["bands.png"].startswith(b"\x89PNG")
    period, cells = (blurred.metrics[name] for name in ("finest_detail", "finest_detail_cells"))
    assert cells.error == (None if period.error is None else period.error / 4)
    assert all(score.error is not None for name, score in blurred.metrics.items() if not name.startswith("finest"))
    assert "| 2-to-4-px |" in blurred.samples["bands.md"]


def test_squared_errors_of_the_bands_add_up_to_that_of_the_image(blurred: TaskResult) -> None:
    decibels = {name: each for name, each in blurred.per_example.items() if name.startswith("psnr") and "@" not in name}
    squared = {name: 255**2 / 10 ** (each / 10) for name, each in decibels.items()}
    parts = [values for name, values in squared.items() if "/" in name]
    assert len(parts) == 5
    assert np.allclose(sum(parts), squared["psnr"], atol=1e-4)


def test_the_mean_image_carries_no_detail(splits: dict[str, Split]) -> None:
    result = run(splits, None)
    assert result.metrics["detail_kept"].value < 0.1
    assert result.metrics["detail_kept/2-to-4-px"].value < 0.05
    assert "finest_detail_cells" not in result.metrics


def test_images_without_any_detail_are_skipped_with_the_reason(splits: dict[str, Split]) -> None:
    flat = {name: Split(name, np.full_like(split.images, 77)) for name, split in splits.items()}
    result = run(flat, lambda images: images)
    assert "flat" in result.skipped["detail_kept"]
    assert result.skipped["finest_detail"].startswith("the test split: no band")
    assert result.metrics["psnr"].value == 100
