"""Images by octaves of spatial frequency: what in them is coarse, and what is fine.

The transform is the orthonormal DCT-II of each channel (Ahmed, Natarajan and Rao 1974). Coefficient (i, j) of an image
of side S is a wave of sqrt(i^2 + j^2) / 2S cycles a pixel, whatever its direction. Waves are grouped by octaves of
their period, as the levels of a Laplacian pyramid are (Burt and Adelson 1983), but with sharp edges: each coefficient
is in one band. So the bands of an image add up to the image, and their energies to its energy (Parseval); those of a
pyramid's levels do not, since they overlap. The DCT continues an image by its mirror image; an FFT continues it by its
opposite border, and the jump there would count as fine detail.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
from scipy.fft import dctn, idctn

AXES = (1, 2)
BATCH = 100

PROTOCOL = {
    "bands": "octaves of period in pixels, from 2 up (the diagonal ones below 2 in the finest) to half of the side; "
    "all longer ones in one; the mean of each channel by itself",
    "transform": "orthonormal DCT-II of each channel of uint8 images, in float64; each coefficient in one band",
}


class Band(NamedTuple):
    """Waves of `shortest` to `longest` pixels a period; longest: None for all that are longer."""

    shortest: int
    longest: int | None

    @property
    def name(self) -> str:
        """As the part of a metric's name: "4-to-8-px"."""
        return f"over-{self.shortest}-px" if self.longest is None else f"{self.shortest}-to-{self.longest}-px"


def bands_of(side: int) -> tuple[Band, ...]:
    """The bands of images of this side, coarse ones first; the mean of a channel is in none."""
    edges = [2]
    while 2 * edges[-1] <= side // 2:
        edges.append(2 * edges[-1])
    return tuple(Band(*pair) for pair in reversed(list(zip(edges, [*edges[1:], None], strict=True))))


def energies(images: np.ndarray) -> np.ndarray:
    """Energy of each band of each image: mean squares a value, float64 [N, bands + 1], those of the means first.

    Args:
        images: [N, S, S, 3], of any type; differences of images too. The energies of an image add up to the mean of its
            squares.
    """
    numbers = _numbers(images.shape[1])
    count = len(bands_of(images.shape[1])) + 1
    of_band = np.stack([(numbers == number).ravel() for number in range(count)]).astype(np.float64)  # [bands + 1, S*S]
    parts = []
    for start in range(0, len(images), BATCH):
        squares = np.square(_transform(images[start : start + BATCH])).sum(3)  # [B, S, S]
        parts.append(squares.reshape(len(squares), -1) @ of_band.T)
    return np.concatenate(parts) / np.prod(images.shape[1:])


def only(images: np.ndarray, band: int) -> np.ndarray:
    """One band of images: float64 [N, S, S, 3]. band: its number in `bands_of` + 1; 0 for the means."""
    return _kept(images, _numbers(images.shape[1]) == band)


def down_to(images: np.ndarray, band: int) -> np.ndarray:
    """Images without what is finer than a band, uint8 [N, S, S, 3]; band: as in `only`."""
    kept = [
        _kept(images[start : start + BATCH], _numbers(images.shape[1]) <= band)
        for start in range(0, len(images), BATCH)
    ]
    return np.floor(np.concatenate(kept) + 0.5).clip(0, 255).astype(np.uint8)


def _transform(images: np.ndarray) -> np.ndarray:
    coefficients: np.ndarray = dctn(images.astype(np.float64), axes=AXES, norm="ortho")
    return coefficients


def _kept(images: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Images of the coefficients where mask [S, S] is true."""
    kept: np.ndarray = idctn(_transform(images) * mask[..., None], axes=AXES, norm="ortho")
    return kept


@functools.cache
def _numbers(side: int) -> np.ndarray:
    """Number of the band of each coefficient, int [S, S]: 0 for the mean, 1 for the coarsest band.

    A wave whose period is the edge of two bands belongs to the coarser one.
    """
    place = np.arange(side)
    with np.errstate(divide="ignore"):
        period = 2 * side / np.hypot(place[:, None], place)
    numbers = np.zeros((side, side), np.int64)
    for number, band in enumerate(bands_of(side), 1):
        upper = np.inf if band.longest is None else band.longest
        finest = band.shortest == 2
        numbers[(period >= (0 if finest else band.shortest)) & (period < upper)] = number
    return numbers
