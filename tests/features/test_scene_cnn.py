"""scene-cnn: real images are near real ones, damaged ones are not, and precision is between floor and ceiling."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from bench.data.emoji_scenes import EmojiScenes
from bench.errors import DataError
from bench.features import scene_cnn
from bench.features.extractor import load_extractor
from bench.metrics.image_sets import FeatureExtractors
from bench.metrics.precision_recall import precision


def test_precision_of_real_images_is_high_of_noise_zero_and_of_blurred_ones_between(tmp_path: Path) -> None:
    data = EmojiScenes(limits={"validation": 500, "test": 500})
    extractor = load_extractor("scene-cnn")
    real, others = (np.asarray(data.split(name, tmp_path).images) for name in ("test", "validation"))
    made = {
        "real": others,
        "blurred": np.round(gaussian_filter(others.astype(np.float64), (0, 1, 1, 0))).astype(np.uint8),
        "noise": np.random.default_rng(0).integers(0, 256, others.shape).astype(np.uint8),
    }
    known = extractor.features(real)
    found = {name: float(precision(known, extractor.features(images)).mean()) for name, images in made.items()}
    assert found["real"] > 0.7
    assert found["blurred"] < 0.5 * found["real"]
    assert found["noise"] == 0


def test_features_do_not_depend_on_the_batch() -> None:
    extractor = load_extractor("scene-cnn")
    images = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3)).astype(np.uint8)
    found = extractor.features(images)
    assert found.shape == (5, scene_cnn.WIDTH)
    torch.testing.assert_close(extractor.features(images[:2]), found[:2], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("content", [None, b"", b"something else"])
def test_missing_or_damaged_weights_are_told(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "scene_cnn.safetensors"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setattr(scene_cnn, "WEIGHTS", path)
    with pytest.raises(DataError, match=r"train_scene_cnn\.py"):
        load_extractor("scene-cnn")


@pytest.mark.parametrize(
    ("name", "side", "reason"), [("scene-cnn", 128, "64 px at most"), ("efficientnet-lite0", 32, "64 px and more")]
)
def test_an_extractor_is_left_out_for_images_of_a_size_that_it_is_not_for(name: str, side: int, reason: str) -> None:
    sets = FeatureExtractors([name, "tinyclip"], "cpu", side)
    assert reason in sets.missing[name]
    assert set(sets.skipped) == {f"fd_{name}", f"kd_{name}"}
    assert list(sets.features(np.zeros((2, side, side, 3), np.uint8))) == ["tinyclip"]
