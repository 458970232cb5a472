"""Metrics of an image against its original, one value an image.

All take uint8 images [N, H, W, 3], so the value range is always 255. The mean of a metric is the mean over images:
pooling the squared error of all images first would give another number.
"""

from __future__ import annotations

import numpy as np
import torch

from bench.registry import metrics
from bench.system.torchvision_ops import make_importable

PSNR_CAP = 100.0
"""dB given to identical images, whose PSNR is infinite; above what one wrong value in a 128 px image gives."""

SSIM_SIGMA = 1.5
SSIM_WINDOW = 11
BORDER = SSIM_WINDOW // 2
BATCH = 128

PROTOCOL = {
    "psnr": f"per image on uint8, range 255, capped at {PSNR_CAP:g} dB",
    "ssim": f"per image on uint8, range 255, Gaussian window {SSIM_WINDOW} inside the image, sigma {SSIM_SIGMA}",
    "l1": "mean absolute difference of uint8 / 255",
}


@metrics.register("psnr", higher_is_better=True, unit="dB")
def psnr(images: np.ndarray, originals: np.ndarray) -> np.ndarray:
    """Peak signal-to-noise ratio of each image, float64 [N] in dB: 10 log10(255^2 / MSE), at most `PSNR_CAP`."""
    squared = np.square(_difference(images, originals)).mean(axis=(1, 2, 3))
    with np.errstate(divide="ignore"):
        decibels = 10 * np.log10(255**2 / squared)
    return decibels.clip(max=PSNR_CAP)


@metrics.register("ssim", higher_is_better=True, unit="")
def ssim(images: np.ndarray, originals: np.ndarray) -> np.ndarray:
    """Structural similarity of each image, float64 [N] (Wang et al. 2004): 11 px Gaussian window of sigma 1.5.

    Averaged over the positions where the whole window lies in the image, as there and in scikit-image; torchmetrics
    by itself also counts the border, which it fills by reflection.

    Raises:
        ValueError: the images are smaller than the window.
    """
    if min(images.shape[1:3]) < SSIM_WINDOW:
        raise ValueError(f"SSIM needs images of at least {SSIM_WINDOW} px, got {images.shape[1]}x{images.shape[2]}")
    make_importable()  # torchmetrics' image functions import torchvision
    from torchmetrics.functional.image import structural_similarity_index_measure

    similarities = []
    for start in range(0, len(images), BATCH):
        planes, original_planes = (_planes(part[start : start + BATCH]) for part in (images, originals))
        _, similarity = structural_similarity_index_measure(
            planes, original_planes, sigma=SSIM_SIGMA, data_range=255.0, reduction="none", return_full_image=True
        )
        similarities.append(similarity[:, :, BORDER:-BORDER, BORDER:-BORDER].mean((1, 2, 3)))
    return torch.cat(similarities).double().numpy()


@metrics.register("l1", higher_is_better=False, unit="")
def l1(images: np.ndarray, originals: np.ndarray) -> np.ndarray:
    """Mean absolute difference of each image, float64 [N], as a fraction of the value range."""
    return np.abs(_difference(images, originals)).mean(axis=(1, 2, 3)) / 255


def _difference(images: np.ndarray, originals: np.ndarray) -> np.ndarray:
    """Difference of pixel values, float64 [N, H, W, 3]; raises ValueError where these are not two sets of images."""
    if images.dtype != np.uint8 or originals.dtype != np.uint8 or images.shape != originals.shape:
        shapes = f"{images.dtype} {images.shape} and {originals.dtype} {originals.shape}"
        raise ValueError(f"expected uint8 images of equal shape, got {shapes}")
    return images.astype(np.float64) - originals


def _planes(pixels: np.ndarray) -> torch.Tensor:
    """uint8 [N, H, W, 3] to float [N, 3, H, W], still from 0 to 255."""
    return torch.tensor(pixels).permute(0, 3, 1, 2).float()
