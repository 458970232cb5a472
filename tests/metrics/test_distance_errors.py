"""Standard errors of distances: against derivatives, a bootstrap, and the spread of fresh samples."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from helpers.pictures import features
from torch import Tensor

from bench.metrics import distance, distance_errors
from bench.metrics.image_sets import MEASURES

KINDS = ("fd", "kd", "cmmd")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Many small matrices, for which threads only wait."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def sets(count: int, width: int, paired: bool, seed: int, shift: float = 0.2) -> tuple[Tensor, Tensor]:
    """Features of real images, and of images made from them or, two thirds as many, from others."""
    real, noise = features(count, width, 2 * seed), features(count, width, 2 * seed + 1)
    return real, (0.8 * real + 0.3 * noise if paired else 0.8 * noise[: count * 2 // 3]) + shift


def resampled(kind: str, real: Tensor, made: Tensor, paired: bool, times: int) -> list[float]:
    rng = np.random.default_rng(1)
    values = []
    for _ in range(times):
        rows = torch.from_numpy(rng.integers(len(real), size=len(real)))
        others = rows if paired else torch.from_numpy(rng.integers(len(made), size=len(made)))
        values.append(MEASURES[kind](real[rows], made[others], paired))
    return values


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_of_many_images_it_is_that_of_a_bootstrap(kind: str, paired: bool) -> None:
    real, made = sets(300, 8, paired, 0, shift=0.5)
    spread = np.std(resampled(kind, real, made, paired, 200), ddof=1)
    assert distance_errors.ERRORS[kind](real, made, paired) == pytest.approx(spread, rel=0.15)


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("count", [40, 150])
def test_with_hardly_more_images_than_features_it_is_the_spread_over_fresh_images(count: int, paired: bool) -> None:
    """100 features, so that of 40 images covariances are singular; of 150, a bootstrap's error is too large."""
    fresh = [sets(count, 100, paired, seed) for seed in range(100)]
    truth = np.std([distance.frechet_distance_of(*pair, paired) for pair in fresh], ddof=1)
    found = [distance_errors.frechet_error(*pair, paired) for pair in fresh[:20]]
    assert 0.85 * truth < np.mean(found) < 1.5 * truth
    if count == 150:
        assert np.std(resampled("fd", *fresh[0], paired, 40), ddof=1) > 1.3 * truth


@pytest.mark.parametrize("kind", KINDS)
def test_of_sets_that_are_alike_it_is_too_large_rather_than_too_small(kind: str) -> None:
    fresh = [(features(100, 6, 2 * seed), features(80, 6, 2 * seed + 1)) for seed in range(150)]
    truth = np.std([MEASURES[kind](*pair, False) for pair in fresh], ddof=1)
    found = np.mean([distance_errors.ERRORS[kind](*pair, False) for pair in fresh])
    assert 1.1 * truth < found < 1.7 * truth


def weighted_frechet(x: Tensor, y: Tensor, weights: Tensor) -> Tensor:
    """Frechet distance of images x with weights of sum 1 and of y, by singular values instead of covariances."""
    mean = weights @ x
    left = (x - mean) * weights.sqrt()[:, None]
    right = (y - y.mean(0)) / math.sqrt(len(y))
    shared = torch.linalg.matrix_norm(left @ right.T, "nuc")
    return (mean - y.mean(0)).square().sum() + left.square().sum() + right.square().sum() - 2 * shared


@pytest.mark.parametrize("width", [5, 200])
def test_an_influence_is_the_derivative_by_the_weight_of_an_image(width: int) -> None:
    """Also of 120 images with 200 features, where no covariance can be inverted; within 1 / 120, as of n and n - 1."""
    x, y = features(120, width, 1), features(100, width, 2) * 0.7 + 0.2
    even, step = torch.full((120,), 1 / 120, dtype=torch.float64), 1e-5
    slopes = []
    for image in torch.eye(120, dtype=torch.float64)[:30]:
        up, down = (weighted_frechet(x, y, even + sign * step * (image - even)) for sign in (1, -1))
        slopes.append(float(up - down) / (2 * step))
    found = distance_errors.frechet_influence(x, y)
    assert [len(part) for part in found] == [120, 100]
    centred = (found.real - found.real.mean()).numpy()[:30]
    assert centred == pytest.approx(np.array(slopes), rel=0.02, abs=0.02 * np.abs(slopes).max())
    other = distance_errors.frechet_influence(y, x)
    assert found.made.numpy() == pytest.approx(other.real.numpy(), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_blocks_change_nothing(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real, made = sets(50, 4, True, 3)
    whole = distance_errors.ERRORS[kind](real, made, True)
    monkeypatch.setattr(distance_errors, "BLOCK", 7)
    assert distance_errors.ERRORS[kind](real, made, True) == pytest.approx(whole, rel=1e-12)


def test_every_distance_has_one() -> None:
    assert distance_errors.ERRORS.keys() == MEASURES.keys()


@pytest.mark.parametrize("kind", KINDS)
def test_equal_constant_and_few_images_have_no_odd_errors(kind: str) -> None:
    error = distance_errors.ERRORS[kind]
    real = features(12, 30, 1).float()
    assert error(real, real, True) == pytest.approx(0, abs=1e-6)
    constant = torch.ones(12, 30)
    assert error(constant, constant, True) == pytest.approx(0, abs=1e-12)
    for made in (constant, real[:2], torch.zeros(12, 30)):
        found = error(real, made, False)
        assert found is not None
        assert 0 < found < math.inf
    assert error(real, real[:1], False) is None
    assert error(real[:1], real, False) is None
