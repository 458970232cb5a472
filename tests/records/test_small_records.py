"""What a record of each task takes on the disk, with scores and samples of the sizes that preset `tiny` has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.made_records import a_record
from numpy.random import Generator

from bench.data.emoji_scenes import EmojiScenes
from bench.images import comparison_png, grid_png
from bench.metrics.codebook import count_codes
from bench.records.store import RecordStore
from bench.tasks.parts.codebook_samples import usage_json
from bench.tasks.parts.losses import losses_json

MOST = 100_000
"""Bytes of any record: JSON, scores and samples."""
MEAN = 50_000
"""Bytes of a record, mean over the tasks."""
IMAGES = 2_000


def continuous(rng: Generator, count: int = IMAGES) -> np.ndarray:
    return rng.normal(20, 3, count)


def share(rng: Generator, count: int = IMAGES) -> np.ndarray:
    """Scores from 0 to 1, half of them one or the other, as of boxes and captions."""
    return np.clip(rng.uniform(-0.5, 1.5, count), 0, 1)


def right(rng: Generator, count: int = IMAGES) -> np.ndarray:
    return (rng.random(count) < 0.8).astype(float)


def ids(count: int = IMAGES) -> np.ndarray:
    return np.sort(np.arange(count) % IMAGES)


def scores_of(task: str) -> dict[str, np.ndarray]:
    """Arrays of the kinds and numbers that the task leaves."""
    rng = np.random.default_rng(0)
    splits, controls = ("", "@novel-pairs", "@validation"), ("@no-image", "@shuffled-image")
    if task == "reconstruction":
        return {f"{name}{s}": continuous(rng) for name in ("psnr", "ssim", "lpips_alex", "l1") for s in splits[:2]}
    if task == "grounding":
        boxes = {f"box_iou{s}": share(rng, 5_000) for s in splits} | {f"box_iou{s}": share(rng) for s in controls}
        return (
            boxes | {f"box_accuracy{s}": right(rng, 5_000) for s in splits} | {f"images{s}": ids(5_000) for s in splits}
        )
    if task == "captioning":
        names = ("cider_d", "bleu_4", "bleu_3", "rouge_l", "meteor")
        return {f"{name}{s}": share(rng) for name in names for s in splits[:2]}
    if task == "vqa":
        types = ("", "/object", "/number", "/color", "/location", "/yes/no")
        return {f"accuracy{t}{s}": right(rng, 10_000 if not t else IMAGES) for t in types for s in splits} | {
            f"images{t}{s}": ids(10_000 if not t else IMAGES) for t in types for s in splits
        }
    if task == "t2i":
        return {f"clip_score{s}": continuous(rng) for s in splits[:2]} | {"r_precision": right(rng)}
    if task == "alignment":
        return {f"similarity_mse{s}": continuous(rng) for s in splits[:2]} | {
            f"word_recall{part}{s}": right(rng) for part in ("", "/mask-3") for s in ("", *controls)
        }
    return {"accuracy": right(rng), "images": ids()}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    """Test scenes, uint8 [32, 32, 32, 3]."""
    scenes = EmojiScenes(size=32, limits={"train": 8, "validation": 8, "test": 32})
    return scenes.split("test", tmp_path_factory.mktemp("cache")).images[np.arange(32)]


def made(images: np.ndarray) -> np.ndarray:
    """With the noise of a network, which makes PNGs large."""
    noise = np.random.default_rng(0).normal(0, 3, images.shape)
    return np.clip(images + noise, 0, 255).astype(np.uint8)


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_records_are_small(tmp_path: Path, pictures: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    tasks = {
        "reconstruction": {
            "reconstructions.png": comparison_png(pictures[:8], made(pictures[:8]), 8, scale=3),
            "codebook.png": grid_png(made(np.full((512, 4, 4, 3), 128, np.uint8)), 32),
            "usage.json": usage_json(count_codes(rng.integers(0, 512, (IMAGES, 8, 8)), 512)),
            "training.json": losses_json({name: rng.random(1_000).tolist() for name in ("l1", "lpips", "codebook")}),
        },
        "grounding": {"grounding.png": grid_png(pictures[:8], 4, scale=4)},
        "captioning": {"images.png": grid_png(pictures[:8], 4, scale=3), "captions.md": "a red cat\n" * 300},
        "vqa": {"images.png": grid_png(pictures[:8], 4, scale=3)},
        "t2i": {"images.png": grid_png(made(pictures[:16]), 8, scale=3)},
        "alignment": {"mask-1.md": "a red cat\n" * 100},
        "linear-probe": {"classes.md": "red\n" * 100},
    }
    sizes = {}
    for task, samples in tasks.items():
        metrics = {
            name: {"value": float(np.mean(values)), "n": len(values), "higher_is_better": True, "unit": ""}
            for name, values in scores_of(task).items()
        }
        store = RecordStore(tmp_path / task)
        written = store.write(a_record(task=task, metrics=metrics, key=task), scores_of(task), samples)
        sizes[task] = size_of(tmp_path / task)
        for name, values in store.scores(written).items():
            np.testing.assert_allclose(values.mean(dtype=np.float64), metrics[name]["value"], rtol=1e-6)
    assert max(sizes.values()) < MOST, sizes
    assert np.mean(list(sizes.values())) < MEAN, sizes
