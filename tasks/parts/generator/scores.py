"""What every task that makes images measures of them: how near their distribution is to that of the test images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from bench.contracts.data import Split
from bench.contracts.result import Score, TaskResult
from bench.metrics import image_sets, precision_recall

MANIFOLD = "efficientnet-lite0"
"""The extractor whose features precision and recall are taken on."""


def protocol(extractors: Sequence[str]) -> dict[str, object]:
    """What determines the values of `score`."""
    return {
        **image_sets.protocol(extractors),
        **precision_recall.PROTOCOL,
        "precision and recall of": MANIFOLD,
        "reference": "the test images",
        "floor": "distance of the validation images to the test images",
    }


def score(
    result: TaskResult,
    images: np.ndarray,
    dataset: Mapping[str, Split],
    extractors: Sequence[str],
    device: torch.device,
) -> None:
    """Add distances, their floor, precision and recall of images uint8 [N, H, W, 3], and the statistics behind them."""
    networks = image_sets.FeatureExtractors(extractors, str(device))
    real, made = networks.features_of_split(dataset["test"]), networks.features(images)
    found = image_sets.distances(real, made, False, floor=(networks.features_of_split(dataset["validation"]), real))
    result.metrics |= found.metrics
    result.statistics |= found.statistics
    result.skipped |= networks.skipped
    if MANIFOLD not in made:
        why = networks.skipped.get(f"fd_{MANIFOLD}", f"{MANIFOLD} is not among the extractors")
        result.skipped |= {"precision": why, "recall": why}
        return
    for name, values in {
        "precision": precision_recall.precision(real[MANIFOLD], made[MANIFOLD]),
        "recall": precision_recall.recall(real[MANIFOLD], made[MANIFOLD]),
    }.items():
        result.metrics[name] = Score(float(values.mean(dtype=np.float64)), len(values))
        result.per_example[name] = values


def training_images(training: Split, count: int, seed: int) -> np.ndarray:
    """Random training images uint8 [count, H, W, 3], different ones where there are enough: a trivial generator."""
    rows = np.resize(np.random.default_rng([seed, 3]).permutation(len(training)), count)
    images: np.ndarray = np.asarray(training.images[rows])
    return images
