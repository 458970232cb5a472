"""What is left of each band of images, and which band is the finest that is carried at all."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bench.errors import NotMeasurable
from bench.metrics.image import PSNR_CAP
from bench.system import standard_error
from bench.tasks.parts.bands import Band

EMPTY = 1 / 12
"""Mean square, in squared levels of 255, of what rounding to 8 bits leaves: an image with less in a band has no detail
there that could be kept."""
CARRIED = 0.5
"""Share of a band's energy that the error may have where the band counts as carried. At 1 the mean of the training
images would carry detail: it shows where objects mostly are, and so is a little nearer than an image that is flat."""


class Energies(NamedTuple):
    """Of each band of each image, [N, bands + 1] with the means first: original, decoded, and their difference."""

    original: np.ndarray
    decoded: np.ndarray
    error: np.ndarray


def kept(energy: Energies) -> np.ndarray:
    """Detail kept of each image in each band, float64 [N, bands]; nan where an image has none to keep."""
    original, error = energy.original[:, 1:], energy.error[:, 1:]
    has = original > EMPTY
    return np.where(has, (1 - error / np.where(has, original, 1)).clip(min=0), np.nan)


def finest_band(energy: Energies, octaves: tuple[Band, ...]) -> Band:
    """The finest band that is carried, as all coarser ones are: the error has at most `CARRIED` of its energy.

    Raises:
        NotMeasurable: there is none.
    """
    finest = None
    for band, ratio in zip(octaves, ratios(energy.error, energy.original), strict=True):
        if ratio > CARRIED:
            break
        finest = finest if np.isnan(ratio) else band
    if finest is None:
        raise NotMeasurable(f"no band is carried: the error has more than {CARRIED} of the energy of the originals")
    return finest


def error_of_finest(energy: Energies, octaves: tuple[Band, ...]) -> float | None:
    """Standard error over images of the shortest period of `finest_band`, by bootstrap.

    0 where no resample has another band; None where one carries none.
    """
    count = len(octaves)
    sums = standard_error.resampled_sums(np.hstack([energy.error[:, 1:], energy.original[:, 1:]]))
    known = ~np.isnan(ratios(energy.error, energy.original))
    carried = np.logical_and.accumulate(~known | (sums[:, :count] <= CARRIED * sums[:, count:]), axis=1) & known
    shortest = np.array([band.shortest for band in octaves])
    last = count - 1 - np.argmax(carried[:, ::-1], axis=1)
    return standard_error.of_resamples(np.where(carried.any(1), shortest[last], np.nan))


def error_of_ratio(energies: np.ndarray, original: np.ndarray) -> float | None:
    """Standard error over images of a ratio of sums, one of `ratios`, from energies [N] and those of the originals.

    It is that of the linearised ratio (Cochran 1977, eq. 6.13).
    """
    ratio = energies.sum() / original.sum()
    return standard_error.of_mean((energies - ratio * original) / original.mean())


def ratios(energies: np.ndarray, original: np.ndarray) -> np.ndarray:
    """Energies of all images over those of the originals, by band, float64 [bands]; nan where these have none."""
    total = original[:, 1:].sum(0)
    has = total > EMPTY * len(original)
    return np.where(has, energies[:, 1:].sum(0) / np.where(has, total, 1), np.nan)


def psnr_of(errors: np.ndarray) -> np.ndarray:
    """PSNR of mean squared errors, as `bench.metrics.image.psnr` has it."""
    with np.errstate(divide="ignore"):
        return (10 * np.log10(255**2 / errors)).clip(max=PSNR_CAP)
