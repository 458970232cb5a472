"""Metrics of an image against its original, one value an image.

All take uint8 images [N, H, W, 3], so the value range is always 255. The mean of a metric is the mean over images:
pooling the squared error of all images first would give another number.
"""

from __future__ import annotations

import functools

import numpy as np

from bench.errors import NotMeasurable
from bench.registry import metrics

PSNR_CAP = 100.0
"""dB given to identical images, whose PSNR is infinite; above what one wrong value in a 128 px image gives."""

SSIM_SIGMA = 1.5
SSIM_WINDOW = 11
SSIM_CONSTANTS = 0.01, 0.03
"""Shares of the value range that keep dark and flat places apart from a division by nothing."""
BATCH = 32

PROTOCOL = {
    "psnr": f"per image on uint8, range 255, capped at {PSNR_CAP:g} dB",
    "ssim": f"per image on uint8, range 255, Gaussian window {SSIM_WINDOW} inside the image, sigma {SSIM_SIGMA}, in "
    "float64",
    "l1": "mean absolute difference of uint8 / 255",
}


@metrics.register("psnr", higher_is_better=True, unit="dB")
def psnr(images: np.ndarray, originals: np.ndarray) -> np.ndarray:
    """Peak signal-to-noise ratio of each image, float64 [N] in dB: 10 log10(255^2 / MSE), at most `PSNR_CAP`."""
    squared = np.square(_difference(images, originals), dtype=np.int32).mean(axis=(1, 2, 3))
    with np.errstate(divide="ignore"):
        decibels = 10 * np.log10(255**2 / squared)
    return decibels.clip(max=PSNR_CAP)


@metrics.register("ssim", higher_is_better=True, unit="")
def ssim(images: np.ndarray, originals: np.ndarray) -> np.ndarray:
    """Structural similarity of each image, float64 [N] (Wang et al. 2004): 11 px Gaussian window of sigma 1.5.

    Averaged over the positions where the whole window lies in the image, as there and in scikit-image, and over the
    channels. In float64: float32 loses the variance of a flat patch, the small difference of two large numbers.

    Raises:
        NotMeasurable: the images are smaller than the window.
    """
    if min(images.shape[1:3]) < SSIM_WINDOW:
        raise NotMeasurable(f"SSIM needs images of at least {SSIM_WINDOW} px, got {images.shape[1]}x{images.shape[2]}")
    starts = range(0, len(images), BATCH)
    return np.concatenate([_ssim(images[i : i + BATCH], originals[i : i + BATCH]) for i in starts])


@metrics.register("l1", higher_is_better=False, unit="")
def l1(images: np.ndarray, originals: np.ndarray) -> np.ndarray:
    """Mean absolute difference of each image, float64 [N], as a fraction of the value range."""
    return np.abs(_difference(images, originals)).mean(axis=(1, 2, 3)) / 255


def _difference(images: np.ndarray, originals: np.ndarray) -> np.ndarray:
    """Difference of pixel values, int16 [N, H, W, 3]; raises ValueError where these are not two sets of images."""
    if images.dtype != np.uint8 or originals.dtype != np.uint8 or images.shape != originals.shape:
        shapes = f"{images.dtype} {images.shape} and {originals.dtype} {originals.shape}"
        raise ValueError(f"expected uint8 images of equal shape, got {shapes}")
    return np.subtract(images, originals, dtype=np.int16)


def _ssim(images: np.ndarray, originals: np.ndarray) -> np.ndarray:
    """SSIM of each image of a batch, float64 [N]."""
    x, y = (pixels.transpose(0, 3, 1, 2).astype(np.float64) for pixels in (images, originals))  # [N, 3, H, W]
    mean_x, mean_y = _blurred(x), _blurred(y)
    variances = _blurred(x * x) - mean_x**2 + _blurred(y * y) - mean_y**2
    covariance = _blurred(x * y) - mean_x * mean_y
    first, second = ((factor * 255) ** 2 for factor in SSIM_CONSTANTS)
    similarity = (2 * mean_x * mean_y + first) * (2 * covariance + second)
    similarity /= (mean_x**2 + mean_y**2 + first) * (variances + second)
    means: np.ndarray = similarity.mean((1, 2, 3))
    return means


def _blurred(planes: np.ndarray) -> np.ndarray:
    """Weighted means of planes [N, 3, H, W] over each window that lies in the image, [N, 3, H - 10, W - 10]."""
    rows, columns = (_windows(length) for length in planes.shape[2:])
    means: np.ndarray = rows @ planes @ columns.T
    return means


@functools.cache
def _windows(length: int) -> np.ndarray:
    """The Gaussian window at each place along a side, float64 [length - 10, length]; the weights of a row sum to 1."""
    weights = np.exp(-0.5 * ((np.arange(SSIM_WINDOW) - SSIM_WINDOW // 2) / SSIM_SIGMA) ** 2)
    places = range(length - SSIM_WINDOW + 1)
    return np.stack([np.pad(weights / weights.sum(), (i, length - SSIM_WINDOW - i)) for i in places])
