from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from helpers.pictures import pictures, worse
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from bench.images import comparison_png, grid_png, to_float, to_uint8
from bench.metrics import codebook, image
from bench.metrics.classification import accuracy, by_kind
from bench.registry import metric_of, metrics
from bench.system.torchvision_ops import make_importable

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
