"""Reconstruction: how much of an image its codes keep, and how the codebook is used."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from typing_extensions import override

from bench.contracts.codes import Codes
from bench.contracts.data import Split
from bench.contracts.metric import MetricName
from bench.contracts.result import TaskResult
from bench.contracts.task import Task, Work
from bench.errors import DataError
from bench.features.lpips_weights import LpipsBackbone
from bench.features.perceptual import ARCHITECTURES, LpipsNetwork
from bench.images import comparison_png, to_uint8
from bench.metrics import codebook, from_outside, image, image_sets
from bench.metrics.image_sets import FeatureExtractors
from bench.metrics.lpips import PROTOCOL as LPIPS_PROTOCOL
from bench.metrics.lpips import lpips
from bench.records import alarms
from bench.registry import tasks
from bench.tasks.parts.codebook_samples import codebook_png, usage_json
from bench.tasks.parts.losses import losses_json

BATCH = 250
SHOWN = 8
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
class Reconstruction(Task):
    """Decoded test images against the originals, and how the codebook is used.

    Nothing is fitted or drawn. The blind baseline shows the mean of the training images every time.

    extractors: on whose features distances are taken. lpips: the backbone of LPIPS.
    """

    extractors: tuple[str, ...] = image_sets.DEFAULT_EXTRACTORS
    lpips: LpipsBackbone = "alex"

    @override
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
            **from_outside.protocol("images"),
        }

    @override
    def run(self, work: Work) -> TaskResult:
        """See `bench.contracts.task.Task`.

        Raises:
            ValueError: a decoded image is not finite.
        """
        result = TaskResult()
        mean, test = _mean_image(work.dataset["train"].images), work.dataset["test"]
        metrics = self._image_metrics(result, test, work.device)
        for name, split in work.tests.items():
            images = _decode(_decoder(work.codes_of(name), mean, work.device), len(split))
            _score(result, metrics, split, images)
            if name == "test":
                self._add_distances(result, images, work)
                result.samples["reconstructions.png"] = comparison_png(split.images[:SHOWN], images[:SHOWN], 8, scale=3)
        codes = work.codes_of("test")
        if codes is None:
            return result
        if work.losses:
            result.samples["training.json"] = losses_json(work.losses)
        result.warnings += alarms.worse_than_mean_image(result.metrics["psnr"].value, _psnr_of_mean(mean, test.images))
        if codes.discrete:
            _add_usage(result, codes, test)
            result.warnings += alarms.low_usage(result.metrics, int(codes.codebook.shape[-2]))
        return result

    def _image_metrics(self, result: TaskResult, split: Split, device: torch.device) -> dict[MetricName, Compute]:
        """The metrics of an image against its original, in the order they are shown in."""
        name = MetricName("lpips", self.lpips)
        metrics: dict[MetricName, Compute] = {MetricName("psnr"): image.psnr, MetricName("ssim"): image.ssim}
        network, why = _lpips(self.lpips, str(device))
        smallest, side = ARCHITECTURES[self.lpips].smallest, min(split.images.shape[1:3])
        if network is None or side < smallest:
            result.skip(str(name), why or f"it needs images of at least {smallest} px, and these have {side}")
        else:
            metrics[name] = functools.partial(lpips, network)
        metrics[MetricName("l1")] = image.l1
        return metrics | {MetricName(other): compute for other, compute in from_outside.registered("images").items()}

    def _add_distances(self, result: TaskResult, images: np.ndarray, work: Work) -> None:
        """Distances to the originals, and between two samples of originals: what chance alone gives."""
        extractors = FeatureExtractors(self.extractors, str(work.device), images.shape[1])
        real, others = (extractors.features_of_split(work.dataset[name]) for name in ("test", "validation"))
        distances = image_sets.distances(real, extractors.features(images), True, others)
        result.metrics |= distances.metrics
        result.statistics |= distances.statistics
        result.skipped |= distances.skipped | extractors.skipped


def _score(result: TaskResult, metrics: Mapping[MetricName, Compute], split: Split, images: np.ndarray) -> None:
    """Add metrics of each image, batch by batch, so that memory does not grow with the images."""
    starts = range(0, len(images), BATCH)
    for name, compute in metrics.items():
        with result.attempt(name.metric, f"the {split.name} split", source=name.source, variant=split.variant):
            parts = [compute(images[start : start + BATCH], split.images[start : start + BATCH]) for start in starts]
            result.add(name.metric, np.concatenate(parts), source=name.source, variant=split.variant)


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
    """The mean of images uint8 [N, H, W, 3], rounded, uint8 [H, W, 3]."""
    total = np.zeros(images.shape[1:], np.float64)
    for start in range(0, len(images), BATCH):
        total += images[start : start + BATCH].sum(0, dtype=np.float64)
    mean: np.ndarray = np.floor(total / len(images) + 0.5).astype(np.uint8)
    return mean


def _psnr_of_mean(mean: np.ndarray, originals: np.ndarray) -> float:
    """What the blind baseline scores on these images."""
    parts = [originals[start : start + BATCH] for start in range(0, len(originals), BATCH)]
    return float(np.concatenate([image.psnr(np.broadcast_to(mean, part.shape), part) for part in parts]).mean())


def _lpips(backbone: LpipsBackbone, device: str) -> tuple[LpipsNetwork | None, str]:
    """LPIPS, or None and why."""
    try:
        return LpipsNetwork(backbone).to(device), ""
    except DataError as error:
        return None, str(error)


def _add_usage(result: TaskResult, codes: Codes, split: Split) -> None:
    """Add use of the codes, all levels together and, for residual codes, each level; n counts tokens."""
    size = int(codes.codebook.shape[-2])
    tallies = codebook.count_codes(np.asarray(codes.array), size)
    result.samples["usage.json"] = usage_json(tallies[1:] or tallies)
    if len(tallies) == 1:
        result.samples["codebook.png"] = codebook_png(codes, tallies[0], split.images.shape[1])
    for level, counts in enumerate(tallies):
        part = f"level-{level}" if level else ""
        tokens = int(counts.counts.sum())
        for metric, compute in CODEBOOK.items():
            result.add_whole(metric, compute(counts), tokens, part=part)
    bits = codebook.bits_per_pixel(size, codes.array[0].size, split.images[0, :, :, 0].size)
    result.add_whole("bits_per_pixel", bits, len(split))
