"""Distances between sets of features, precision and recall, and the features that they are taken on."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.linalg
import torch
from helpers.pictures import features, pictures, worse

from bench.features.extractor import load_extractor
from bench.metrics import distance
from bench.metrics import precision_recall as manifold
from bench.system.torchvision_ops import make_importable


def test_statistics_do_not_depend_on_how_batches_are_cut() -> None:
    x = features(1000, 16, 0) * 3 + 1e4
    found = distance.statistics(x.split([700, 299, 1]))
    assert found.n == 1000
    assert torch.allclose(found.mean, x.mean(0), rtol=1e-12)
    assert torch.allclose(found.scatter / 999, torch.cov(x.T), rtol=1e-7, atol=1e-7)


def exact(mean: list[float], variances: list[float], n: int = 1000) -> distance.Statistics:
    return distance.Statistics(n, torch.tensor(mean).double(), torch.diag(torch.tensor(variances).double()) * (n - 1))


def test_frechet_distance_of_known_gaussians() -> None:
    a, b = exact([0, 0], [1, 4]), exact([3, 4], [9, 4])
    assert distance.frechet_distance(a, b) == pytest.approx(25 + (1 - 3) ** 2, rel=1e-12)
    assert distance.frechet_distance(a, a) == pytest.approx(0, abs=1e-12)


def test_frechet_distance_is_the_textbook_formula() -> None:
    mix = features(12, 12, 5)
    x, y = features(400, 12, 1) @ mix, features(300, 12, 2) + 0.3
    root = scipy.linalg.sqrtm(np.cov(x.T) @ np.cov(y.T))
    expected = ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(np.cov(x.T) + np.cov(y.T) - 2 * root.real)
    found = distance.frechet_distance(distance.statistics([x]), distance.statistics([y]))
    assert found == pytest.approx(float(expected), rel=1e-8)


def test_frechet_distance_with_fewer_images_than_features() -> None:
    x, y = features(10, 64, 1), features(10, 64, 2)
    a, b = distance.statistics([x]), distance.statistics([y])
    assert math.isfinite(distance.frechet_distance(a, b))
    assert distance.frechet_distance(a, b) == pytest.approx(distance.frechet_distance(b, a), rel=1e-6)
    assert distance.frechet_distance(a, a) == pytest.approx(0, abs=1e-5)


def test_one_image_has_no_distance() -> None:
    x = features(1, 4, 0)
    with pytest.raises(ValueError, match="two images"):
        distance.frechet_distance(distance.statistics([x]), distance.statistics([x]))
    with pytest.raises(ValueError, match="cannot compare"):
        distance.kernel_distance(x, x, paired=False)
    with pytest.raises(ValueError, match="as pairs"):
        distance.kernel_distance(features(3, 4, 0), features(4, 4, 0), paired=True)
    with pytest.raises(ValueError, match="no features"):
        distance.statistics([])


@pytest.mark.parametrize("paired", [False, True])
def test_kernel_distance_is_the_double_loop(paired: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distance, "BLOCK", 7)  # several blocks, the last one smaller
    x, y = features(17, 5, 1), features(17, 5, 2) * 1.5 + 0.2
    kernel = lambda a, b: float((a @ b / 5 + 1) ** 3)  # noqa: E731
    pairs = [(i, j) for i in range(17) for j in range(17)]
    apart = [(i, j) for i, j in pairs if i != j]
    within = sum(kernel(x[i], x[j]) + kernel(y[i], y[j]) for i, j in apart) / len(apart)
    used = apart if paired else pairs
    expected = within - 2 * sum(kernel(x[i], y[j]) for i, j in used) / len(used)
    assert distance.kernel_distance(x, y, paired) == pytest.approx(expected, rel=1e-10)


def test_kernel_distance_is_unbiased() -> None:
    values = np.array(
        [distance.kernel_distance(features(50, 8, 2 * i), features(40, 8, 2 * i + 1), paired=False) for i in range(300)]
    )
    assert abs(values.mean()) < 4 * values.std(ddof=1) / math.sqrt(len(values))
    assert values.min() < 0 < values.max()


def test_paired_kernel_distance_does_not_profit_from_the_pairs() -> None:
    """A reconstruction that is the original plus independent noise: the usual estimator comes out low, this one not."""
    paired, usual = [], []
    for i in range(200):
        x = features(40, 8, 2 * i)
        y = x + features(40, 8, 2 * i + 1) * 0.3
        paired.append(distance.kernel_distance(x, y, paired=True))
        usual.append(distance.kernel_distance(x, y, paired=False))
    x = features(4000, 8, 10_001)
    truth = distance.kernel_distance(x, features(4000, 8, 10_002) * math.sqrt(1.09), paired=False)
    error = np.std(paired, ddof=1) / math.sqrt(len(paired))
    assert abs(np.mean(paired) - truth) < 4 * error + 0.01
    assert np.mean(usual) < truth - 0.05


def test_fid_is_that_of_torch_fidelity() -> None:
    make_importable()
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

    x, y = features(900, 24, 1).float(), features(800, 24, 2).float() * 1.2 + 0.1
    theirs = fid_statistics_to_metric(fid_features_to_statistics(x), fid_features_to_statistics(y), verbose=False)
    assert distance.fid(x, y, False) == pytest.approx(theirs["frechet_inception_distance"], rel=1e-6)


@pytest.mark.parametrize("estimator", ["unbiased", "u-statistic"])
def test_kid_is_that_of_torch_fidelity_on_one_subset_of_all(estimator: str) -> None:
    make_importable()
    from torch_fidelity.metric_kid import kernel_poly, mmd2

    x, y = features(300, 24, 1).numpy(), features(300, 24, 2).numpy() * 1.2 + 0.1
    options = {"kid_kernel_poly_degree": 3, "kid_kernel_poly_gamma": None, "kid_kernel_poly_coef0": 1}
    kernels = (kernel_poly(one, other, **options) for one, other in ((x, x), (x, y), (y, y)))
    found = distance.kid(torch.from_numpy(x), torch.from_numpy(y), paired=estimator == "u-statistic")
    assert found == pytest.approx(mmd2(*kernels, mmd_est=estimator), rel=1e-9)


def test_fid_and_kid_are_those_of_torchmetrics() -> None:
    """Its KID draws subsets; one subset of all images leaves nothing to draw. It computes in single precision."""
    make_importable()
    from torchmetrics.image.fid import _compute_fid
    from torchmetrics.image.kid import poly_mmd

    x, y = features(300, 24, 1), features(300, 24, 2) * 1.2 + 0.1
    covariances = (torch.cov(x.T), torch.cov(y.T))
    expected = _compute_fid(x.mean(0), covariances[0], y.mean(0), covariances[1])
    assert distance.fid(x, y, False) == pytest.approx(float(expected), rel=1e-6)
    assert distance.kid(x, y, paired=False) == pytest.approx(float(poly_mmd(x, y)), rel=1e-6)


def test_cmmd_is_the_biased_gaussian_discrepancy_of_torch_fidelity(monkeypatch: pytest.MonkeyPatch) -> None:
    make_importable()
    from torch_fidelity.metric_kid import kernel_rbf, mmd2

    monkeypatch.setattr(distance, "BLOCK", 7)
    x, y = features(30, 5, 1), features(30, 5, 2) + 1
    unit = [(part / part.norm(dim=1, keepdim=True)).numpy() for part in (x, y)]
    kernels = (kernel_rbf(unit[a], unit[b], kid_kernel_rbf_sigma=10.0) for a, b in ((0, 0), (0, 1), (1, 1)))
    assert distance.cmmd(x, y, False) == pytest.approx(1000 * mmd2(*kernels, mmd_est="biased"), rel=1e-6)
    assert distance.cmmd(x, x * 3, False) == pytest.approx(0, abs=1e-9)
    with pytest.raises(ValueError, match="cannot compare 0 and 30 images"):
        distance.cmmd(x[:0], y, False)


def test_statistics_survive_packing() -> None:
    found = distance.statistics([features(50, 7, 1) * 3 + 100])
    packed = distance.pack_statistics(found)
    assert packed.shape == (1 + 7 + 28,)
    again = distance.unpack_statistics(packed)
    assert again.n == 50
    assert torch.equal(again.mean, found.mean)
    assert torch.allclose(again.scatter, found.scatter, rtol=1e-12)
    other = distance.statistics([features(60, 7, 2)])
    rounded = distance.unpack_statistics(packed.astype(np.float32))
    assert distance.frechet_distance(rounded, other) == pytest.approx(distance.frechet_distance(found, other), rel=1e-5)
    for wrong in (packed[:-1], packed[:1], packed[:0]):
        with pytest.raises(ValueError, match="not the statistics"):
            distance.unpack_statistics(wrong)


def test_precision_and_recall_are_those_of_torch_fidelity(monkeypatch: pytest.MonkeyPatch) -> None:
    make_importable()
    from torch_fidelity.metric_prc import calculate_precision_recall_part

    monkeypatch.setattr(manifold, "BLOCK", 37)
    real, made = features(200, 4, 1), features(150, 4, 2) * 0.6 + 0.4
    expected = calculate_precision_recall_part(made, real)
    found = manifold.precision(real, made), manifold.recall(real, made)
    assert [len(values) for values in found] == [150, 200]
    assert [float(values.mean()) for values in found] == pytest.approx(expected, abs=1e-6)
    assert found[0].mean() > found[1].mean() > 0


def test_precision_and_recall_of_known_sets() -> None:
    real = features(40, 3, 1)
    for made, expected in ((real, 1), (real + 1000, 0)):
        assert set(manifold.precision(real, made)) == {expected}
        assert set(manifold.recall(real, made)) == {expected}
    one_mode = real[:1] + features(40, 3, 2) * 1e-6
    assert manifold.precision(real, one_mode).mean() == 1
    assert manifold.recall(real, one_mode).mean() < 0.05
    line = torch.arange(4.0)[:, None]
    assert manifold.precision(line, torch.tensor([[-3.0], [-3.1], [5.0], [1.5]])).tolist() == [1, 0, 1, 1]
    with pytest.raises(ValueError, match="3 images do not have 3 neighbours"):
        manifold.precision(real[:3], real)


# features


def test_tinyclip_ranks_damage_and_does_not_depend_on_the_batch() -> None:
    extractor = load_extractor("tinyclip")
    images = pictures(60)
    real = extractor.features(images)
    assert torch.allclose(extractor.features(images[:7]), real[:7], atol=1e-4)
    assert torch.allclose(real.square().mean(1), torch.ones(60), atol=1e-4)
    assert extractor.features(pictures(2, 64)).shape == (2, real.shape[1])
    whole = distance.statistics([real])
    for compute in (
        lambda made: distance.frechet_distance(whole, distance.statistics([made])),
        lambda made: distance.kernel_distance(real, made, paired=True),
    ):
        # for less noise than that the kernel distance is about zero, and its unbiased estimate on either side of it
        values = [compute(extractor.features(worse(images, noise, 0))) for noise in (15, 60, 120)]
        assert values == sorted(values)
