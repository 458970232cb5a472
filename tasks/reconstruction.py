"""Reconstruction: how much of an image its codes keep, and how the codebook is used."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from bench.contracts.codes import Codes
from bench.contracts.data import DataSet, Split
from bench.contracts.method import Method
from bench.contracts.result import Score, TaskResult
from bench.errors import DataError
from bench.images import comparison_png, to_uint8
from bench.metrics import codebook, image, image_sets
from bench.metrics.image_sets import FeatureExtractors
from bench.metrics.lpips import PROTOCOL as LPIPS_PROTOCOL
from bench.metrics.lpips import SOURCES, Backbone, Lpips, lpips
from bench.presets import Budget
from bench.records import alarms
from bench.registry import tasks

BATCH = 250
SHOWN = 16
CODEBOOK = {
    "usage": codebook.usage,
    "perplexity": codebook.perplexity,
    "normalised_usage": codebook.normalised_usage,
}

Compute = Callable[[np.ndarray, np.ndarray], np.ndarray]
Decoder = Callable[[np.ndarray], np.ndarray]


@tasks.register(
    "reconstruction",
    needs=(),
    metrics=(
        "psnr",
        "ssim",
        "lpips",
        "l1",
        "fd",
        "kd",
        "fid",
        "kid",
        "usage",
        "perplexity",
        "normalised_usage",
        "bits_per_pixel",
    ),
    blind="mean image",
)
@dataclass(frozen=True)
class Reconstruction:
    """Decoded test images against the originals, and how the codebook is used.

    extractors: whose features distances are taken on. lpips: the backbone of LPIPS.
    """

    extractors: tuple[str, ...] = image_sets.DEFAULT_EXTRACTORS
    lpips: Backbone = "alex"

    def protocol(self) -> Mapping[str, object]:
        """What determines the values besides the method; hashes are None where weights are missing."""
        network, _ = _lpips(self.lpips, "cpu")
        return {
            "version": 2,
            **image.PROTOCOL,
            **LPIPS_PROTOCOL,
            "lpips weights": network and network.fingerprint(),
            **image_sets.protocol(self.extractors),
            **codebook.PROTOCOL,
            "floor": "distance of the validation images to the test images",
        }

    def skip(self, dataset: DataSet, method: Method | None) -> str | None:  # noqa: ARG002 - part of the contract
        """Every method can decode, so nothing is left out."""
        return None

    def run(
        self,
        codes: Mapping[str, Codes] | None,
        dataset: Mapping[str, Split],
        budget: Budget,  # noqa: ARG002 - nothing is fitted
        seed: int,  # noqa: ARG002 - nothing is random
        device: torch.device,
    ) -> TaskResult:
        """See `bench.contracts.Task`; nothing is fitted. `codes` None reconstructs every image as the training mean.

        Raises:
            ValueError: a decoded image is not finite.
        """
        mean = _mean_image(dataset["train"].images)
        result = TaskResult(metrics={})
        metrics = self._per_image(result, dataset["test"], device)
        for name, split in dataset.items():
            if name.startswith("test"):
                made = _decode(_decoder(None if codes is None else codes[name], mean, device), len(split))
                suffix = "" if name == "test" else f"@{name.removeprefix('test-')}"
                _score(result, metrics, suffix, made, split.images)
            if name == "test":
                self._distances(result, made, dataset, device)
                result.samples["reconstructions.png"] = comparison_png(split.images[:SHOWN], made[:SHOWN], 8, scale=3)
        if codes is None:
            return result
        psnr_of_mean = _psnr_of_mean(mean, dataset["test"].images)
        result.warnings += alarms.worse_than_mean_image(result.metrics["psnr"].value, psnr_of_mean)
        if codes["test"].discrete:
            result.metrics |= _codebook(codes["test"], dataset["test"])
            result.warnings += alarms.low_usage(result.metrics, int(codes["test"].codebook.shape[-2]))
        return result

    def _per_image(self, result: TaskResult, split: Split, device: torch.device) -> dict[str, Compute]:
        """The metrics of an image against its original, in the order they are shown in."""
        name = f"lpips_{self.lpips}"
        network, why = _lpips(self.lpips, str(device))
        found: dict[str, Compute] = {"psnr": image.psnr, "ssim": image.ssim, "l1": image.l1}
        smallest, side = SOURCES[self.lpips].smallest, min(split.images.shape[1:3])
        if network is None or side < smallest:
            result.skipped[name] = why or f"it needs images of at least {smallest} px, and these have {side}"
            return found
        measure = functools.partial(lpips, network)
        return {"psnr": image.psnr, "ssim": image.ssim, name: measure, "l1": image.l1}

    def _distances(
        self, result: TaskResult, made: np.ndarray, dataset: Mapping[str, Split], device: torch.device
    ) -> None:
        """Distances to the originals, and of two samples of originals: what chance alone gives."""
        extractors = FeatureExtractors(self.extractors, str(device))
        real, others = (extractors.features_of_split(dataset[name]) for name in ("test", "validation"))
        found = image_sets.distances(real, extractors.features(made), paired=True, floor=(others, real))
        result.metrics |= found.metrics
        result.statistics |= found.statistics
        result.skipped |= extractors.skipped


def _score(
    result: TaskResult, metrics: Mapping[str, Compute], suffix: str, made: np.ndarray, originals: np.ndarray
) -> None:
    """Add metrics of each image, batch by batch, so that memory does not grow with the images."""
    starts = range(0, len(made), BATCH)
    for name, compute in metrics.items():
        parts = [compute(made[start : start + BATCH], originals[start : start + BATCH]) for start in starts]
        values = np.concatenate(parts)
        result.metrics[name + suffix] = Score(float(values.mean()), len(values))
        result.per_example[name + suffix] = values


def _decode(decoder: Decoder, images: int) -> np.ndarray:
    """All reconstructions of a split, uint8 [N, H, W, 3]."""
    rows = np.arange(images)
    return np.concatenate([decoder(rows[start : start + BATCH]) for start in range(0, images, BATCH)])


def _decoder(codes: Codes | None, mean: np.ndarray, device: torch.device) -> Decoder:
    """Rows of a split to reconstructions uint8 [B, H, W, 3]."""
    if codes is None:
        return lambda rows: np.repeat(mean[None], len(rows), axis=0)
    return lambda rows: to_uint8(codes.decode(codes.rows(rows, device)))


def _mean_image(images: np.ndarray) -> np.ndarray:
    total = np.zeros(images.shape[1:], np.float64)
    for start in range(0, len(images), BATCH):
        total += images[start : start + BATCH].sum(0, dtype=np.float64)
    mean: np.ndarray = np.floor(total / len(images) + 0.5).astype(np.uint8)
    return mean


def _psnr_of_mean(mean: np.ndarray, originals: np.ndarray) -> float:
    """What the blind baseline scores on these images."""
    parts = [originals[start : start + BATCH] for start in range(0, len(originals), BATCH)]
    return float(np.concatenate([image.psnr(np.broadcast_to(mean, part.shape), part) for part in parts]).mean())


def _lpips(backbone: Backbone, device: str) -> tuple[Lpips | None, str]:
    """LPIPS, or None and why."""
    try:
        return Lpips(backbone, device), ""
    except DataError as error:
        return None, str(error)


def _codebook(codes: Codes, split: Split) -> dict[str, Score]:
    """Use of the codes, all levels together and, for residual codes, each level; n counts tokens."""
    size = int(codes.codebook.shape[-2])
    found = {}
    for level, counts in enumerate(codebook.count_codes(np.asarray(codes.array), size)):
        suffix = f"/level-{level}" if level else ""
        tokens = int(counts.counts.sum())
        for name, compute in CODEBOOK.items():
            found[name + suffix] = Score(compute(counts), tokens)
    bits = codebook.bits_per_pixel(size, codes.array[0].size, split.images[0, :, :, 0].size)
    return found | {"bits_per_pixel": Score(bits, len(split))}
