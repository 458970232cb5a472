"""Bands of spatial frequency: what adds up, what falls where, and what a blur takes away."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from bench.errors import NotMeasurable
from bench.tasks.parts.band_scores import (
    Energies,
    error_of_finest,
    error_of_ratio,
    finest_band,
    kept,
    psnr_of,
    ratios,
)
from bench.tasks.parts.bands import bands_of, down_to, energies, only

SIDE = 32
BANDS = bands_of(SIDE)
NAMES = [band.name for band in BANDS]


def noise(count: int = 3, side: int = SIDE) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, side, side, 3), np.uint8)


def energy(originals: np.ndarray, decoded: np.ndarray) -> Energies:
    return Energies(energies(originals), energies(decoded), energies(decoded.astype(float) - originals))


def blurred(images: np.ndarray, sigma: float) -> np.ndarray:
    return gaussian_filter(images.astype(float), (0, sigma, sigma, 0), mode="reflect")


def test_octaves_reach_from_two_pixels_to_half_of_the_side() -> None:
    assert NAMES == ["over-16-px", "8-to-16-px", "4-to-8-px", "2-to-4-px"]
    assert [band.shortest for band in bands_of(256)] == [128, 64, 32, 16, 8, 4, 2]
    assert [band.name for band in bands_of(6)] == ["over-2-px"]


@pytest.mark.parametrize("side", [6, 17, 32])
def test_bands_add_up_to_the_image_and_energies_to_its_squares(side: int) -> None:
    images = noise(side=side)
    parts = [only(images, number) for number in range(len(bands_of(side)) + 1)]
    assert np.allclose(sum(parts), images)
    squares = np.stack([np.square(part).mean((1, 2, 3)) for part in parts], 1)
    assert np.allclose(energies(images), squares)
    assert np.allclose(squares.sum(1), np.square(images.astype(float)).mean((1, 2, 3)))
    assert np.array_equal(down_to(images, len(bands_of(side))), images)


def test_the_first_part_is_the_mean_of_each_channel() -> None:
    assert np.allclose(only(noise(), 0), noise().mean((1, 2), keepdims=True))


def test_energies_are_those_of_a_fourier_transform_of_the_mirrored_image() -> None:
    """Each image beside its mirror images is periodic; numpy's FFT of it gives the same shares of the octaves."""
    image = noise(1)[0, :, :, 0].astype(float)
    mirrored = np.block([[image, image[:, ::-1]], [image[::-1], image[::-1, ::-1]]])
    power = np.abs(np.fft.fft2(mirrored)) ** 2 / mirrored.size**2
    frequency = np.hypot(*np.meshgrid(*[np.fft.fftfreq(2 * SIDE)] * 2))  # cycles a pixel
    edges = [1e-9, 1 / 16, 1 / 8, 1 / 4, 1]
    wanted = [power[(frequency > low) & (frequency <= high)].sum() for low, high in itertools.pairwise(edges)]
    assert np.allclose(energies(np.repeat(image[None, :, :, None], 3, 3))[0, 1:], wanted)


@pytest.mark.parametrize(
    ("period", "band"),
    [(2.5, "2-to-4-px"), (3.2, "2-to-4-px"), (5.3, "4-to-8-px"), (11, "8-to-16-px"), (24, "over-16-px")],
)
@pytest.mark.parametrize("upright", [False, True])
def test_a_wave_falls_into_the_band_of_its_period(period: float, band: str, upright: bool) -> None:
    wave = 128 + 100 * np.sin(2 * np.pi * np.arange(SIDE) / period + 0.4)
    images = np.broadcast_to(wave[None, :, None, None] if upright else wave[None, None, :, None], (1, SIDE, SIDE, 3))
    found = energies(images)[0, 1:]
    assert NAMES[found.argmax()] == band
    assert found.max() > 0.8 * found.sum()


def test_a_checkerboard_of_single_pixels_is_finest_detail_alone() -> None:
    row, column = np.divmod(np.arange(SIDE**2).reshape(SIDE, SIDE), SIDE)
    board = np.repeat(((row + column) % 2 * 200)[None, :, :, None], 3, 3)
    found = energies(board)[0]
    assert found[0] == pytest.approx(100**2)
    assert found[-1] > 0.999 * 100**2


def test_an_unchanged_image_loses_nothing() -> None:
    same = energy(noise(), noise())
    assert np.array_equal(kept(same), np.ones((3, 4)))
    assert np.array_equal(psnr_of(same.error), np.full((3, 5), 100.0))
    assert finest_band(same, BANDS) == BANDS[-1]
    assert np.array_equal(ratios(same.decoded, same.original), np.ones(4))


def test_a_blurred_image_loses_the_fine_bands_alone() -> None:
    """A Gaussian of sigma s lets pass exp(-2 (pi s f)^2) of a wave of f cycles a pixel."""
    of_bands = kept(energy(noise(), blurred(noise(), 1))).mean(0)
    assert (np.diff(of_bands) < 0).all()
    assert of_bands[0] > 0.99
    assert of_bands[-1] < 0.2
    passed = ratios(energy(noise(), blurred(noise(), 1)).decoded, energies(noise()))
    for number, (longest, shortest) in enumerate([(64, 16), (16, 8), (8, 4)]):
        through = [np.exp(-2 * (np.pi / period) ** 2) ** 2 for period in (shortest, longest)]
        assert through[0] < passed[number] < through[1]


def test_the_finest_band_is_the_last_before_one_of_which_half_is_lost() -> None:
    finest = only(noise(), 4)
    assert finest_band(energy(noise(), noise() - 0.7 * finest), BANDS) == BANDS[-1]  # 0.49 of its energy is wrong
    assert finest_band(energy(noise(), noise() - 0.72 * finest), BANDS) == BANDS[-2]  # 0.52
    assert finest_band(energy(noise(), noise() - 2 * only(noise(), 2)), BANDS) == BANDS[0]
    with pytest.raises(NotMeasurable, match="no band"):
        finest_band(energy(noise(), noise() - 2 * only(noise(), 1)), BANDS)


def test_where_an_image_has_no_detail_none_is_kept_or_lost() -> None:
    flat = np.full((1, SIDE, SIDE, 3), 90, np.uint8)
    assert np.isnan(kept(energy(flat, noise(1)))).all()
    assert np.isnan(ratios(energies(noise(1)), energies(flat))).all()


def made_energies(count: int = 400) -> Energies:
    """Of images with more and with less detail, of which more is lost the finer it is; the means' energy is 1."""
    rng = np.random.default_rng(5)
    original = rng.gamma(2, 100, (count, 5))
    error = original * rng.uniform(0, (0.5, 0.3, 0.6, 0.98, 1.9), (count, 5))
    return Energies(original, original - error, error)


def of_rows(made: Energies, rows: np.ndarray) -> Energies:
    return Energies(*(part[rows] for part in made))


def test_errors_over_images_are_the_spread_of_other_images() -> None:
    made, rng = made_energies(), np.random.default_rng(6)
    others = [of_rows(made, rng.integers(400, size=400)) for _ in range(400)]
    spread = np.std([ratios(other.error, other.original) for other in others], axis=0, ddof=1)
    found = [error_of_ratio(made.error[:, number], made.original[:, number]) for number in range(1, 5)]
    assert found == pytest.approx(spread, rel=0.15)
    periods = [finest_band(other, BANDS).shortest for other in others]
    assert set(periods) == {4, 8}  # half of the band's energy is wrong, a little more or less
    assert error_of_finest(made, BANDS) == pytest.approx(np.std(periods, ddof=1), rel=0.15)


def test_the_finest_band_has_no_error_where_other_images_have_the_same_and_none_where_they_have_no_band() -> None:
    assert error_of_finest(energy(noise(8), noise(8)), BANDS) == 0
    assert error_of_finest(energy(noise(1), noise(1)), BANDS) is None
    made = made_energies(40)
    assert error_of_finest(made._replace(error=made.original * np.linspace(0.2, 0.9, 40)[:, None]), BANDS) is None
