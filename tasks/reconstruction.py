"""Reconstruction: how much of an image its codes keep, and how the codebook is used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from bench import alarms
from bench.codes import Codes
from bench.contracts import DataSet, Method, Score, Split, TaskResult
from bench.errors import DataError
from bench.images import comparison_png, to_uint8
from bench.metrics import codebook, distance, image
from bench.metrics.extractors import Extractor, load_extractor
from bench.presets import HeadBudget
from bench.registry import tasks

EXTRACTOR = "tinyclip"
BATCH = 250
SHOWN = 16
PER_IMAGE = {"psnr": image.psnr, "ssim": image.ssim, "l1": image.l1}
CODEBOOK = {
    "usage": codebook.usage,
    "perplexity": codebook.perplexity,
    "normalised_usage": codebook.normalised_usage,
}

Decoder = Callable[[np.ndarray], np.ndarray]


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

    def skip(self, dataset: DataSet, method: Method | None) -> str | None:  # noqa: ARG002 - part of the contract
        """Every method can decode, so nothing is left out."""
        return None

    def run(
        self,
        codes: Mapping[str, Codes] | None,
        dataset: Mapping[str, Split],
        budget: HeadBudget,  # noqa: ARG002 - nothing is fitted
        seed: int,  # noqa: ARG002 - nothing is random
        device: torch.device,
    ) -> TaskResult:
        """See `bench.contracts.Task`; nothing is fitted. `codes` None reconstructs every image as the training mean.

        Raises:
            ValueError: a decoded image is not finite.
        """
        extractor, why = _extractor(str(device))
        mean = _mean_image(dataset["train"].images)
        result = TaskResult(metrics={})
        if extractor is None:
            result.warnings.append(f"fd_{EXTRACTOR} and kd_{EXTRACTOR} are left out: {why}")
        for name, split in dataset.items():
            if not name.startswith("test"):
                continue
            decode = _decoder(None if codes is None else codes[name], mean, device)
            measured = _measure(decode, split.images, extractor if name == "test" else None)
            suffix = "" if name == "test" else f"@{name.removeprefix('test-')}"
            for metric, values in measured.per_image.items():
                result.metrics[metric + suffix] = Score(float(values.mean()), len(values))
                result.per_example[metric + suffix] = values
            if measured.features:
                result.metrics |= _distances(*measured.features)
            if name == "test":
                shown = split.images[:SHOWN]
                result.samples["reconstructions.png"] = comparison_png(shown, decode(np.arange(len(shown))), 8, scale=3)
        if codes is None:
            return result
        psnr_of_mean = _psnr_of_mean(mean, dataset["test"].images)
        result.warnings += alarms.worse_than_mean_image(result.metrics["psnr"].value, psnr_of_mean)
        if codes["test"].discrete:
            result.metrics |= _codebook(codes["test"], dataset["test"])
            result.warnings += alarms.low_usage(result.metrics, int(codes["test"].codebook.shape[-2]))
        return result


class Measured(NamedTuple):
    """Scores of one split: name to float64 [N], and features [N, F] of originals and reconstructions."""

    per_image: dict[str, np.ndarray]
    features: tuple[Tensor, Tensor] | None


def _measure(decode: Decoder, originals: np.ndarray, extractor: Extractor | None) -> Measured:
    """Decode and score batch by batch, so that memory does not grow with the images."""
    scores: dict[str, list[np.ndarray]] = {name: [] for name in PER_IMAGE}
    features: list[tuple[Tensor, Tensor]] = []
    for start in range(0, len(originals), BATCH):
        rows = np.arange(start, min(start + BATCH, len(originals)))
        truth, made = originals[rows], decode(rows)
        for name, compute in PER_IMAGE.items():
            scores[name].append(compute(made, truth))
        if extractor is not None:
            features.append((extractor.features(truth), extractor.features(made)))
    joined = {name: np.concatenate(parts) for name, parts in scores.items()}
    if not features:
        return Measured(joined, None)
    real, made_features = (torch.cat(parts) for parts in zip(*features, strict=True))
    return Measured(joined, (real, made_features))


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


def _extractor(device: str) -> tuple[Extractor | None, str]:
    """The extractor, or None and why."""
    try:
        return load_extractor(EXTRACTOR, device), ""
    except DataError as error:
        return None, str(error)


def _distances(real: Tensor, made: Tensor) -> dict[str, Score]:
    """Distribution distances, and the Frechet distance of two halves of the originals: what chance alone gives."""
    whole = distance.frechet_distance(distance.statistics([real]), distance.statistics([made]))
    floor = distance.frechet_distance(distance.statistics([real[::2]]), distance.statistics([real[1::2]]))
    return {
        f"fd_{EXTRACTOR}": Score(whole, len(real)),
        f"fd_{EXTRACTOR}@floor": Score(floor, len(real) // 2),
        f"kd_{EXTRACTOR}": Score(distance.kernel_distance(real, made, paired=True), len(real)),
    }


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
