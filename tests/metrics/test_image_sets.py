from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from bench.contracts.data import Split
from bench.data.emoji_scenes import EmojiScenes
from bench.errors import DataError
from bench.features.perceptual import LpipsNetwork
from bench.metrics import distance, image, image_sets
from bench.metrics.image_sets import FeatureExtractors, Features
from bench.metrics.lpips import lpips
from bench.registry import metric_of, metrics
from bench.system.kept import key_of
from bench.system.sealed import seal

AVAILABLE = FeatureExtractors([*image_sets.DEFAULT_EXTRACTORS, "tinyclip"], "cpu")
SCENES = 100


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Split:
    data = EmojiScenes(limits={"test": SCENES})
    return Split("test", np.asarray(data.split("test", tmp_path_factory.mktemp("cache")).images))


@pytest.fixture(scope="module")
def degraded(scenes: Split) -> dict[str, np.ndarray]:
    """The scenes, blurred (sigma in pixels) and with noise (standard deviation of 255)."""
    pixels = scenes.images.astype(np.float64)
    noise = np.random.default_rng(0).normal(size=pixels.shape)
    found = {f"blur {sigma}": gaussian_filter(pixels, (0, sigma, sigma, 0)) for sigma in (1, 2, 4)}
    found |= {f"noise {sigma}": pixels + sigma * noise for sigma in (15, 40)}
    return {"same": scenes.images} | {
        name: np.clip(np.round(values), 0, 255).astype(np.uint8) for name, values in found.items()
    }


@pytest.fixture(scope="module")
def features(degraded: dict[str, np.ndarray]) -> dict[str, Features]:
    return {name: AVAILABLE.features(images) for name, images in degraded.items()}


def check_order(name: str, values: dict[str, float]) -> None:
    """From the same images to the most damaged ones, strictly worse."""
    better = 1 if metric_of(name).higher_is_better else -1
    for order in (["same", "blur 1", "blur 2", "blur 4"], ["same", "noise 15", "noise 40"]):
        ranks = [better * values[step] for step in order]
        assert all(one > other for one, other in itertools.pairwise(ranks)), (name, values)


@pytest.mark.parametrize("extractor", ["efficientnet-lite0", "tinyclip", "scene-cnn"])
def test_distances_rank_damage(extractor: str, features: dict[str, Features]) -> None:
    if extractor not in features["same"]:
        pytest.skip(f"the weights of {extractor} are missing")
    found = {
        name: image_sets.distances({extractor: features["same"][extractor]}, {extractor: made[extractor]}, paired=True)
        for name, made in features.items()
    }
    for metric in (f"fd_{extractor}", f"kd_{extractor}"):
        check_order(metric, {name: distances.metrics[metric].value for name, distances in found.items()})
        assert found["same"].metrics[metric].value == pytest.approx(0, abs=1e-4)
    cmmd = {name: distance.cmmd(features["same"][extractor], made[extractor], True) for name, made in features.items()}
    check_order("cmmd", cmmd)
    assert cmmd["same"] == 0


def per_image(name: str) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    if not name.startswith("lpips"):
        compute: Callable[[np.ndarray, np.ndarray], np.ndarray] = metrics.get(name).load()
        return compute
    try:
        network = LpipsNetwork("alex" if name.endswith("alex") else "vgg")
    except DataError as error:
        pytest.skip(str(error))
    return lambda images, originals: lpips(network, images, originals)


@pytest.mark.parametrize("name", ["psnr", "ssim", "l1", "lpips_alex", "lpips_vgg"])
def test_metrics_per_image_rank_damage(name: str, scenes: Split, degraded: dict[str, np.ndarray]) -> None:
    compute = per_image(name)
    count = 30 if name == "lpips_vgg" else SCENES
    check_order(
        name, {step: float(compute(made[:count], scenes.images[:count]).mean()) for step, made in degraded.items()}
    )
    best = {"psnr": image.PSNR_CAP, "ssim": 1}.get(name, 0)
    assert compute(scenes.images[:5], scenes.images[:5]) == pytest.approx(best, abs=1e-6)


def test_a_floor_is_the_distance_of_two_samples(features: dict[str, Features]) -> None:
    whole, blurred = ({"tinyclip": features[name]["tinyclip"]} for name in ("same", "blur 1"))
    part = {"tinyclip": whole["tinyclip"][: SCENES // 2]}
    found = image_sets.distances(whole, blurred, False, part).metrics
    cuts = image_sets.halvings(part, whole)
    assert list(found) == ["fd_tinyclip", "kd_tinyclip", "fd_tinyclip@floor", "kd_tinyclip@floor"]
    assert found["fd_tinyclip"].n == SCENES
    assert found["fd_tinyclip@floor"].n == SCENES * 3 // 4
    expected = [distance.frechet_distance_of(one["tinyclip"], other["tinyclip"], False) for one, other in cuts]
    assert len(set(expected)) == image_sets.HALVINGS
    assert found["fd_tinyclip@floor"].value == pytest.approx(np.mean(expected))
    assert metric_of("fd_tinyclip@floor").higher_is_better is None
    assert [found[name].error is None for name in found] == [False, False, True, True]


def test_halves_are_disjoint_and_of_one_distribution() -> None:
    """Sets far apart, mixed: their halves are as near as a permutation allows, and every image is in one of them."""
    rng = np.random.default_rng(3)
    near, far = (torch.from_numpy(rng.normal(mean, 1, (200, 8)).astype(np.float32)) for mean in (0, 2))
    both = torch.cat([near, far])
    cuts = image_sets.halvings({"a": near, "b": 2 * near}, {"a": far, "b": 2 * far})
    for one, other in cuts:
        assert torch.equal(one["b"], 2 * one["a"])
        assert torch.equal(torch.cat([one["a"], other["a"]]).sort(0).values, both.sort(0).values)
    null = []
    for _ in range(60):
        rows = torch.from_numpy(rng.permutation(400))
        null.append(distance.kernel_distance(both[rows[:200]], both[rows[200:]], False))
    found = np.mean([distance.kernel_distance(one["a"], other["a"], False) for one, other in cuts])
    assert abs(found - np.mean(null)) < 3 * np.std(null) / np.sqrt(len(cuts))
    assert distance.kernel_distance(near, far, False) > np.mean(null) + 20 * np.std(null)


def test_statistics_give_the_distance_again(features: dict[str, Features]) -> None:
    """Stored as float32, as records have them: within a ten-thousandth, or 1e-4 where that is more."""
    real, made = features["same"], features["blur 2"]
    found = image_sets.distances(real, made, paired=True)
    assert set(found.statistics) == {f"statistics/fd_{name}" for name in made}
    for name in made:
        stored = found.statistics[f"statistics/fd_{name}"].astype(np.float32)
        again = distance.frechet_distance(distance.statistics([real[name]]), distance.unpack_statistics(stored))
        assert again == pytest.approx(found.metrics[f"fd_{name}"].value, rel=1e-4, abs=1e-4)


def test_features_of_a_split_are_kept_under_the_extractors_fingerprint(scenes: Split, tmp_path: Path) -> None:
    sets = FeatureExtractors(["tinyclip"], "cpu")
    split = Split("test", scenes.images, cache=tmp_path / "derived")
    expected = sets.features_of_split(scenes)["tinyclip"]
    assert torch.equal(sets.features_of_split(split)["tinyclip"], expected)
    (path,) = (tmp_path / "derived").iterdir()
    fingerprint = image_sets.protocol(["tinyclip"])["extractors"]["tinyclip"]
    assert path.name == f"features-tinyclip-{key_of(fingerprint)}.npy"
    for other in (expected.numpy() + 1, expected.numpy()[1:], expected.double().numpy(), np.array([{}])):
        np.save(path / "value.npy", other, allow_pickle=True)
        assert torch.equal(sets.features_of_split(split)["tinyclip"], expected)


def test_kept_features_of_another_form_are_made_anew(scenes: Split, tmp_path: Path) -> None:
    """Sealed as they are, so that only reading them tells."""
    sets = FeatureExtractors(["tinyclip"], "cpu")
    split = Split("test", scenes.images, cache=tmp_path)
    expected = sets.features_of_split(split)["tinyclip"]
    (path,) = tmp_path.iterdir()
    for wrong in (expected.numpy()[1:], expected.double().numpy(), np.array([{}])):
        (path / "SHA256SUMS").unlink()
        np.save(path / "value.npy", wrong, allow_pickle=True)
        seal(path)
        assert torch.equal(sets.features_of_split(split)["tinyclip"], expected)


def test_extractors_without_weights_are_skipped_and_say_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    names = ["tinyclip", "inception", "dinov2", "open-clip"]
    sets = FeatureExtractors(names, "cpu")
    assert set(sets.skipped) == {"fid", "kid", "fd_dinov2", "kd_dinov2", "cmmd_vit-b-32"}
    assert "curl" in sets.skipped["fid"]
    assert list(sets.features(np.zeros((2, 32, 32, 3), np.uint8))) == ["tinyclip"]
    known = image_sets.protocol(names)["extractors"]
    assert known["tinyclip"]
    assert [known[name] for name in names[1:]] == [None] * 3
