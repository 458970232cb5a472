from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.linalg
import torch
from scipy.ndimage import gaussian_filter
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from bench.features.extractor import load_extractor
from bench.images import comparison_png, grid_png, to_float, to_uint8
from bench.metrics import codebook, distance, image
from bench.metrics import precision_recall as manifold
from bench.metrics.classification import accuracy, by_kind
from bench.registry import metric_of, metrics
from bench.system.torchvision_ops import make_importable


def pictures(count: int, size: int = 32, seed: int = 0) -> np.ndarray:
    """Smooth random images, uint8 [N, S, S, 3]."""
    noise = np.random.default_rng(seed).normal(size=(count, size, size, 3))
    smooth = gaussian_filter(noise, (0, 3, 3, 0), mode="wrap")
    return np.clip(128 + 60 * smooth / smooth.std(), 0, 255).astype(np.uint8)


def worse(images: np.ndarray, noise: float, blur: float, seed: int = 1) -> np.ndarray:
    degraded = gaussian_filter(images.astype(float), (0, blur, blur, 0)) if blur else images.astype(float)
    degraded = degraded + np.random.default_rng(seed).normal(size=images.shape) * noise
    return np.clip(np.round(degraded), 0, 255).astype(np.uint8)


def features(count: int, width: int, seed: int) -> torch.Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# pixels


def test_every_pixel_value_survives_the_way_to_float_and_back() -> None:
    pixels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1).repeat(3, axis=3)
    assert np.array_equal(to_uint8(to_float(pixels, torch.device("cpu"))), pixels)


def test_halves_round_up_and_what_is_outside_is_clamped() -> None:
    values = torch.tensor([-1.5, -1.0, 0.5 / 127.5 - 1, 0.49 / 127.5 - 1, 0.0, 1.0, 1.5])
    found = to_uint8(values.view(1, 1, 1, -1).expand(1, 3, 1, -1))
    assert found[0, 0, :, 0].tolist() == [0, 0, 1, 0, 128, 255, 255]


def test_an_image_that_is_not_finite_is_refused() -> None:
    with pytest.raises(ValueError, match="not finite"):
        to_uint8(torch.full((1, 3, 2, 2), math.nan))


def read(png: bytes) -> np.ndarray:
    import io

    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(png)))


def test_a_grid_holds_its_images_in_reading_order() -> None:
    images = pictures(3, 8)
    sheet = read(grid_png(images, columns=2, scale=3))
    assert sheet.shape == (2 * 24 + 2, 2 * 24 + 2, 3)
    assert np.array_equal(sheet[:24:3, :24:3], images[0])
    assert np.array_equal(sheet[:24:3, 26::3], images[1])
    assert np.array_equal(sheet[26::3, :24:3], images[2])
    assert (sheet[26:, 26:] == 255).all()


def test_originals_stand_above_their_counterparts() -> None:
    one, other = pictures(3, 8), pictures(3, 8, seed=1)
    sheet = read(comparison_png(one, other, columns=2))
    cell = lambda row, column: sheet[10 * row : 10 * row + 8, 10 * column : 10 * column + 8]  # noqa: E731
    assert np.array_equal(cell(0, 1), one[1])
    assert np.array_equal(cell(1, 1), other[1])
    assert np.array_equal(cell(2, 0), one[2])
    assert np.array_equal(cell(3, 0), other[2])


# per image


def test_psnr_is_that_of_scikit_image() -> None:
    images = pictures(5)
    others = worse(images, 12, 0)
    expected = [peak_signal_noise_ratio(a, b, data_range=255) for a, b in zip(images, others, strict=True)]
    assert np.allclose(image.psnr(others, images), expected, rtol=1e-12)


def test_identical_images_get_the_cap() -> None:
    images = pictures(2)
    assert image.psnr(images, images).tolist() == [image.PSNR_CAP] * 2
    assert np.allclose(image.ssim(images, images), 1, rtol=0, atol=1e-12)
    assert image.l1(images, images).tolist() == [0, 0]


def test_ssim_is_that_of_scikit_image_and_does_not_depend_on_the_batch() -> None:
    images = pictures(image.BATCH + 1, 16)
    others = worse(images, 20, 0)
    found = image.ssim(others, images)
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    for number in (0, 1, image.BATCH):
        expected = structural_similarity(images[number], others[number], channel_axis=-1, **options)
        assert found[number] == pytest.approx(expected, abs=1e-9)
        alone = image.ssim(others[number : number + 1], images[number : number + 1])
        assert alone[0] == pytest.approx(found[number], abs=1e-12)


def test_ssim_of_flat_images_is_exact_and_never_above_1() -> None:
    flat = np.tile(np.arange(256, dtype=np.uint8)[:, None, None, None], (1, 16, 16, 3))
    lighter = np.maximum(flat, 1) - 1
    white = np.full((1, 24, 24, 3), 255, np.uint8)
    thing = white.copy()
    thing[:, 8:16, 8:16] = (30, 90, 200)
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    for images, originals in ((flat, flat), (lighter, flat), (thing, thing), (white, thing)):
        found = image.ssim(images, originals)
        expected = [
            structural_similarity(a, b, channel_axis=-1, **options) for a, b in zip(images, originals, strict=True)
        ]
        assert np.allclose(found, expected, rtol=0, atol=1e-9)
        assert found.max() <= 1 + 1e-12
        if images is originals:
            assert np.allclose(found, 1, rtol=0, atol=1e-12)


def test_psnr_of_one_image_is_that_of_torchmetrics() -> None:
    make_importable()
    from torchmetrics.functional.image import peak_signal_noise_ratio as theirs

    images = pictures(1)
    others = worse(images, 12, 0)
    pair = [torch.from_numpy(part).float() for part in (others, images)]
    assert image.psnr(others, images)[0] == pytest.approx(float(theirs(*pair, data_range=255.0)), rel=1e-5)


def test_l1_is_a_share_of_the_value_range() -> None:
    images = np.zeros((1, 12, 12, 3), np.uint8)
    assert image.l1(np.full_like(images, 51), images)[0] == pytest.approx(0.2)


@pytest.mark.parametrize("steps", [[(5, 0), (15, 0), (40, 0)], [(0, 0.5), (0, 1), (0, 3)]], ids=["noise", "blur"])
def test_more_damage_scores_worse(steps: list[tuple[float, float]]) -> None:
    images = pictures(20)
    damaged = [images, *(worse(images, noise, blur) for noise, blur in steps)]
    for name, compute in {"psnr": image.psnr, "ssim": image.ssim, "l1": image.l1}.items():
        values = [compute(others, images).mean() for others in damaged]
        assert values == sorted(values, reverse=metrics.get(name).facts.higher_is_better)


def test_images_that_do_not_match_are_refused() -> None:
    images = pictures(2)
    with pytest.raises(ValueError, match="equal shape"):
        image.psnr(images[:1], images)
    with pytest.raises(ValueError, match="uint8"):
        image.l1(images.astype(np.float32), images)
    with pytest.raises(ValueError, match="11 px"):
        image.ssim(images[:, :8, :8], images[:, :8, :8])


# distances


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


# codebook


def test_even_use_has_perplexity_k_and_a_single_code_has_one() -> None:
    even = codebook.count_codes(np.arange(64).reshape(4, 4, 4) % 16, 16)
    assert len(even) == 1
    assert codebook.usage(even[0]) == 1
    assert codebook.perplexity(even[0]) == pytest.approx(16)
    (single,) = codebook.count_codes(np.full((4, 4, 4), 3), 16)
    assert codebook.usage(single) == 1 / 16
    assert codebook.perplexity(single) == 1


def test_normalised_usage_is_measured_against_its_ceiling() -> None:
    generator = np.random.default_rng(0)
    values = [
        codebook.normalised_usage(codebook.count_codes(generator.integers(0, 1000, (5, 10, 10)), 1000)[0])
        for _ in range(200)
    ]
    assert np.mean(values) == pytest.approx(1, abs=0.01)
    (one,) = codebook.count_codes(np.zeros((1, 2, 2), int), 1)
    assert codebook.normalised_usage(one) == 1


def test_residual_codes_are_counted_jointly_and_by_level() -> None:
    indices = np.array([[[[0, 0], [0, 1]], [[1, 0], [1, 0]]]])
    joint, first, second = codebook.count_codes(indices, 4)
    assert (joint.size, first.size, second.size) == (16, 4, 4)
    assert codebook.usage(joint) == 3 / 16
    assert first.counts.tolist() == [2, 2, 0, 0]
    assert second.counts.tolist() == [3, 1, 0, 0]
    assert codebook.perplexity(joint) == pytest.approx(math.exp(1.5 * math.log(2)))


def test_many_large_levels_do_not_overflow() -> None:
    indices = np.random.default_rng(0).integers(0, 2**20, (2, 3, 3, 8))
    joint = codebook.count_codes(indices, 2**20)[0]
    assert codebook.perplexity(joint) == pytest.approx(18)
    assert joint.size == 2**160


def test_bits_per_pixel_counts_every_token() -> None:
    assert codebook.bits_per_pixel(512, 64, 32 * 32) == 9 * 64 / 1024


# classes


def test_accuracy_is_one_for_the_truth_and_chance_for_shuffled_classes() -> None:
    truth = np.random.default_rng(0).integers(0, 4, 4000)
    assert accuracy(truth, truth).mean() == 1
    assert accuracy(np.random.default_rng(1).permutation(truth), truth).mean() == pytest.approx(0.25, abs=0.03)
    with pytest.raises(ValueError, match="3 predictions for 4"):
        accuracy(truth[:3], truth[:4])


def test_kinds_share_out_all_examples() -> None:
    found = by_kind(["b", "a", "b"])
    assert {kind: rows.tolist() for kind, rows in found.items()} == {"a": [1], "b": [0, 2]}


def test_variants_have_the_direction_of_their_metric() -> None:
    for name, better, unit in (("fd_tinyclip@novel-pairs", False, ""), ("psnr@novel-pairs", True, "dB")):
        assert (metric_of(name).higher_is_better, metric_of(name).unit) == (better, unit)
    assert metric_of("usage/level-1").higher_is_better is None
