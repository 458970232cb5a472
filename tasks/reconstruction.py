"""Reconstruction: how much of an image its codes keep, and how the codebook is used."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from bench.codes import Codes
from bench.contracts import DataSet, Method, Score, Split, TaskResult
from bench.errors import DataError
from bench.images import comparison_png, to_uint8
from bench.metrics import codebook, distance, image
from bench.metrics.extractors import Extractor, batched_features, load_extractor
from bench.presets import HeadBudget
from bench.registry import tasks

EXTRACTOR = "tinyclip"
BATCH = 250
SHOWN = 16
PER_IMAGE = {"psnr": image.psnr, "ssim": image.ssim, "l1": image.l1}


@tasks.register(
    "reconstruction",
    needs=(),
    metrics=("psnr", "ssim", "l1", "fd", "kd", "usage", "perplexity", "normalised_usage", "bits_per_pixel"),
    blind="mean image",
)
class Reconstruction:
    """Decoded test images against the originals, and how the codebook is used."""

    def protocol(self) -> Mapping[str, object]:
        """What determines the values besides the method; the extractor is None where its weights are missing."""
        extractor, _ = _extractor("cpu")
        return {
            "version": 1,
            **image.PROTOCOL,
            **distance.PROTOCOL,
            **codebook.PROTOCOL,
            "floor": "fd of the even to the odd test images",
            "extractor": {EXTRACTOR: extractor.fingerprint() if extractor else None},
        }

    def skip(self, dataset: DataSet, method: Method | None) -> str | None:
        """Every method can decode, so nothing is left out."""
        return None

    def run(
        self,
        codes: Mapping[str, Codes] | None,
        dataset: Mapping[str, Split],
        budget: HeadBudget,
        seed: int,
        device: torch.device,
    ) -> TaskResult:
        """See `bench.contracts.Task`; nothing is fitted. `codes` None reconstructs every image as the training mean.

        Raises:
            ValueError: a decoded image is not finite.
        """
        mean = _mean_image(dataset["train"].images) if codes is None else None
        result = TaskResult(metrics={})
        for name, split in dataset.items():
            if not name.startswith("test"):
                continue
            decoded = np.broadcast_to(mean, split.images.shape) if mean is not None else _decode(codes[name], device)
            suffix = "" if name == "test" else f"@{name.removeprefix('test-')}"
            for metric, compute in PER_IMAGE.items():
                values = compute(decoded, split.images)
                result.metrics[metric + suffix] = Score(float(values.mean()), len(values))
                result.per_example[metric + suffix] = values
            if name == "test":
                _distances(result, decoded, split.images, device)
                columns = split.images[:SHOWN], decoded[:SHOWN]
                result.samples["reconstructions.png"] = comparison_png(*columns, columns=8, scale=3)
        if codes is not None and codes["test"].discrete:
            _codebook(result, codes["test"], dataset["test"])
        return result


def _mean_image(images: np.ndarray) -> np.ndarray:
    total = np.zeros(images.shape[1:], np.float64)
    for start in range(0, len(images), BATCH):
        total += images[start : start + BATCH].sum(0, dtype=np.float64)
    return np.floor(total / len(images) + 0.5).astype(np.uint8)


def _decode(codes: Codes, device: torch.device) -> np.ndarray:
    """All images uint8 [N, H, W, 3]."""
    numbers = np.arange(len(codes))
    batches = (numbers[start : start + BATCH] for start in range(0, len(codes), BATCH))
    return np.concatenate([to_uint8(codes.decode(codes.rows(rows, device))) for rows in batches])


def _extractor(device: str) -> tuple[Extractor | None, str]:
    """The extractor, or None and why."""
    try:
        return load_extractor(EXTRACTOR, device), ""
    except DataError as error:
        return None, str(error)


def _distances(result: TaskResult, decoded: np.ndarray, originals: np.ndarray, device: torch.device) -> None:
    """Distribution distances, and the Frechet distance of two halves of the originals: what chance alone gives."""
    extractor, why = _extractor(str(device))
    if extractor is None:
        result.warnings.append(f"fd_{EXTRACTOR} and kd_{EXTRACTOR} are left out: {why}")
        return
    count = len(originals)
    real, made = (torch.cat(list(batched_features(extractor, part))) for part in (originals, decoded))
    halves = [distance.statistics([real[start::2]]) for start in (0, 1)]
    result.metrics[f"fd_{EXTRACTOR}"] = Score(
        distance.frechet_distance(distance.statistics([real]), distance.statistics([made])), count
    )
    result.metrics[f"fd_{EXTRACTOR}@floor"] = Score(distance.frechet_distance(*halves), count)
    result.metrics[f"kd_{EXTRACTOR}"] = Score(distance.kernel_distance(real, made, paired=True), count)


def _codebook(result: TaskResult, codes: Codes, split: Split) -> None:
    """Use of the codes, all levels together and, for residual codes, each level."""
    size = int(codes.codebook.shape[-2])
    parts = codebook.count_codes(np.asarray(codes.array), size)
    for level, found in enumerate(parts):
        suffix = f"/level-{level}" if level else ""
        tokens = int(found.counts.sum())
        result.metrics[f"usage{suffix}"] = Score(codebook.usage(found), tokens)
        result.metrics[f"perplexity{suffix}"] = Score(codebook.perplexity(found), tokens)
        result.metrics[f"normalised_usage{suffix}"] = Score(codebook.normalised_usage(found), tokens)
    bits = codebook.bits_per_pixel(size, codes.array[0].size, split.images[0, :, :, 0].size)
    result.metrics["bits_per_pixel"] = Score(bits, len(split))
