"""Detail: how much of an image survives the tokenizer at each spatial frequency, from coarse to fine."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from typing_extensions import override

from bench.contracts.data import Split
from bench.contracts.metric import Metric, MetricName
from bench.contracts.result import TaskResult
from bench.contracts.task import Task, Work
from bench.errors import DataError
from bench.features.lpips_weights import LpipsBackbone
from bench.features.perceptual import ARCHITECTURES, LpipsNetwork
from bench.images import comparison_png
from bench.metrics import image
from bench.metrics.lpips import PROTOCOL as LPIPS_PROTOCOL
from bench.metrics.lpips import lpips
from bench.registry import tasks
from bench.tasks.parts import bands
from bench.tasks.parts.band_scores import (
    CARRIED,
    EMPTY,
    Energies,
    error_of_finest,
    error_of_ratio,
    finest_band,
    kept,
    psnr_of,
    ratios,
)
from bench.tasks.parts.bands import Band, bands_of
from bench.tasks.parts.decoded import decode_all, decoder_of
from bench.tasks.parts.samples import markdown_table

SHOWN = 4
COLUMNS = ("band", "original (rms levels)", "psnr", "energy kept", "error / original", "detail kept")

Compute = Callable[[np.ndarray, np.ndarray], np.ndarray]


@tasks.register(
    "detail",
    needs=(),
    metrics=(
        Metric("detail_kept", higher_is_better=True, about="Share of a band's energy that is right; mean over bands."),
        Metric(
            "finest_detail", higher_is_better=False, unit="px", about="Period of the finest detail that is carried."
        ),
        Metric("finest_detail_cells", higher_is_better=False, about="The same in cells of the code grid."),
        "psnr",
        "ssim",
        "lpips",
        Metric("detail_error", higher_is_better=False, about="Energy of a band's error over that of the originals."),
        Metric("energy_kept", higher_is_better=None, about="Energy of a band after over before, right or wrong."),
    ),
    blind="mean image",
)
@dataclass(frozen=True)
class Detail(Task):
    """Decoded test images against the originals, octave by octave of spatial frequency.

    `psnr/4-to-8-px` is that of waves of 4 to 8 pixels a period alone. `ssim/down-to-8-px` and `lpips_.../down-to-8-px`
    compare both images without all that is finer: they are made for images, and a band alone is none. Nothing is
    fitted or drawn. The blind baseline shows the mean of the training images every time.

    lpips: the backbone of LPIPS.
    """

    lpips: LpipsBackbone = "alex"

    @override
    def protocol(self) -> Mapping[str, object]:
        """What determines the values besides the method; the hash is None where weights are missing."""
        network, _ = _lpips(self.lpips, "cpu")
        return {
            "version": 1,
            **bands.PROTOCOL,
            "detail_kept": "of an image and band, 1 - energy of the error / energy of the original, at least 0; mean "
            f"over the image's bands of more than {EMPTY:.3f} squared levels a value",
            "detail_error, energy_kept": "energies summed over all images before they are divided",
            "finest_detail": "shortest period of the finest band for which, as for all coarser ones, detail_error is "
            f"{CARRIED} or less",
            "psnr, ssim, lpips": "of a band alone (psnr); without all that is finer, rounded to uint8 (ssim, lpips)",
            **image.PROTOCOL,
            **LPIPS_PROTOCOL,
            "lpips weights": network and network.fingerprint(),
        }

    @override
    def run(self, work: Work) -> TaskResult:
        """See `bench.contracts.task.Task`.

        Raises:
            ValueError: a decoded image is not finite.
        """
        result = TaskResult()
        metrics = self._image_metrics(result, work.dataset["test"], work.device)
        for name, split in work.tests.items():
            decoded = decode_all(decoder_of(work, name), np.arange(len(split)))
            codes = work.codes_of(name)
            _measure(result, metrics, split, decoded, None if codes is None else split.images.shape[1] / codes.grid[0])
        return result

    def _image_metrics(self, result: TaskResult, split: Split, device: torch.device) -> dict[MetricName, Compute]:
        """The metrics of an image against its original."""
        metrics: dict[MetricName, Compute] = {MetricName("psnr"): image.psnr, MetricName("ssim"): image.ssim}
        network, why = _lpips(self.lpips, str(device))
        smallest, side = ARCHITECTURES[self.lpips].smallest, min(split.images.shape[1:3])
        name = MetricName("lpips", self.lpips)
        if network is None or side < smallest:
            result.skip(str(name), why or f"it needs images of at least {smallest} px, and these have {side}")
        else:
            metrics[name] = functools.partial(lpips, network)
        return metrics


def _measure(
    result: TaskResult, metrics: Mapping[MetricName, Compute], split: Split, decoded: np.ndarray, cell: float | None
) -> None:
    """Add the values of one test split; those by band of "test" alone.

    cell: side of a cell of the code grid in pixels; None without codes.
    """
    originals, variant = np.asarray(split.images), split.variant
    energy = Energies(*map(bands.energies, (originals, decoded, decoded.astype(np.int16) - originals)))
    octaves = bands_of(originals.shape[1])
    _add_kept(result, energy, octaves, split)
    _add_finest(result, energy, octaves, split, cell)
    for name, compute in metrics.items():
        with result.attempt(name.metric, f"the {split.name} split", source=name.source, variant=variant):
            result.add(name.metric, compute(decoded, originals), source=name.source, variant=variant)
    if variant:
        return
    _add_bands(result, energy, octaves)
    for number, band in enumerate(octaves[:-1], 1):
        coarse = [bands.down_to(images, number) for images in (decoded, originals)]
        part = f"down-to-{band.shortest}-px"
        for name, compute in metrics.items():
            if name.metric != "psnr":
                with result.attempt(name.metric, "the test split", source=name.source, part=part):
                    result.add(name.metric, compute(*coarse), source=name.source, part=part)
    result.samples["bands.png"] = _picture(originals[:SHOWN], decoded[:SHOWN])
    result.samples["bands.md"] = _table(energy, octaves)


def _add_kept(result: TaskResult, energy: Energies, octaves: tuple[Band, ...], split: Split) -> None:
    """Add the detail kept, over all bands of an image and, for the test split, in each."""
    of_bands = kept(energy)
    images = np.flatnonzero(~np.isnan(of_bands).all(1))
    with result.attempt("detail_kept", f"the {split.name} split, whose images are flat", variant=split.variant):
        result.add("detail_kept", np.nanmean(of_bands[images], 1), variant=split.variant, images=images)
    for number, band in enumerate(() if split.variant else octaves):
        images = np.flatnonzero(~np.isnan(of_bands[:, number]))
        with result.attempt("detail_kept", "the test split, whose images have none there", part=band.name):
            result.add("detail_kept", of_bands[images, number], part=band.name, images=images)


def _add_finest(
    result: TaskResult, energy: Energies, octaves: tuple[Band, ...], split: Split, cell: float | None
) -> None:
    """Add the period of the finest detail; cell: as in `_measure`."""
    for metric, unit in (("finest_detail", 1.0), ("finest_detail_cells", cell)):
        with result.attempt(metric, f"the {split.name} split", variant=split.variant):
            period = finest_band(energy, octaves).shortest
            if unit is not None:
                error = error_of_finest(energy, octaves)
                of_unit = None if error is None else error / unit
                result.add_whole(metric, period / unit, len(split), variant=split.variant, error=of_unit)


def _add_bands(result: TaskResult, energy: Energies, octaves: tuple[Band, ...]) -> None:
    """Add PSNR and ratios of energies of each band of the test split; PSNR of the channels' means too."""
    for number, name in enumerate(("mean-colour", *(band.name for band in octaves))):
        result.add("psnr", psnr_of(energy.error[:, number]), part=name)
    for metric, energies in (("detail_error", energy.error), ("energy_kept", energy.decoded)):
        for number, (band, ratio) in enumerate(zip(octaves, ratios(energies, energy.original), strict=True), 1):
            if np.isnan(ratio):
                result.skip(str(MetricName(metric, part=band.name)), "the test images have nothing in this band")
            else:
                error = error_of_ratio(energies[:, number], energy.original[:, number])
                result.add_whole(metric, ratio, len(energies), part=band.name, error=error)


def _picture(originals: np.ndarray, decoded: np.ndarray) -> bytes:
    """A row of each original, whole and band by band around grey, above the same of its reconstruction."""
    count = len(bands_of(originals.shape[1]))

    def sheet(images: np.ndarray) -> np.ndarray:
        grey = [np.floor(bands.only(images, number) + 128).clip(0, 255) for number in range(1, count + 1)]
        return np.stack([images, *grey], 1).astype(np.uint8).reshape(-1, *images.shape[1:])

    return comparison_png(sheet(originals), sheet(decoded), count + 1, scale=3)


def _table(energy: Energies, octaves: tuple[Band, ...]) -> str:
    error, energy_kept = (ratios(part, energy.original) for part in (energy.error, energy.decoded))
    of_bands = kept(energy)
    rows = [
        (
            band.name,
            f"{np.sqrt(energy.original[:, number + 1].mean()):.2f}",
            f"{psnr_of(energy.error[:, number + 1]).mean():.2f}",
            f"{energy_kept[number]:.3f}",
            f"{error[number]:.3f}",
            f"{np.nanmean(of_bands[:, number]) if not np.isnan(of_bands[:, number]).all() else np.nan:.3f}",
        )
        for number, band in enumerate(octaves)
    ]
    return markdown_table(COLUMNS, rows, numbers=COLUMNS[1:])


def _lpips(backbone: LpipsBackbone, device: str) -> tuple[LpipsNetwork | None, str]:
    """LPIPS, or None and why."""
    try:
        return LpipsNetwork(backbone).to(device), ""
    except DataError as error:
        return None, str(error)
