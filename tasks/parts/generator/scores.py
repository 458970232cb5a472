"""What every task that makes images measures of them: how near their distribution is to that of the test images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.contracts.data import Split
from bench.contracts.result import TaskResult
from bench.contracts.task import Work
from bench.metrics import image_sets, precision_recall
from bench.system import streams

REAL = "real"
"""Variant: real validation images in the place of generated ones, which is as good as a generator can be."""


def protocol(extractors: Sequence[str]) -> dict[str, object]:
    """What determines the values of `score`."""
    return {
        **image_sets.protocol(extractors),
        **precision_recall.PROTOCOL,
        "precision and recall of": "every extractor, after which they are named; @real: of the validation images",
        "reference": "the test images",
    }


def score(result: TaskResult, images: np.ndarray, work: Work, extractors: Sequence[str]) -> None:
    """Add distances, their floor, precision and recall of images uint8 [N, H, W, 3], and the statistics behind them."""
    networks = image_sets.FeatureExtractors(extractors, str(work.device), images.shape[1])
    real, validation = (networks.features_of_split(work.dataset[name]) for name in ("test", "validation"))
    generated = networks.features(images)
    distances = image_sets.distances(real, generated, False, validation)
    result.metrics |= distances.metrics
    result.statistics |= distances.statistics
    result.skipped |= distances.skipped | networks.skipped
    for metric, compute in (("precision", precision_recall.precision), ("recall", precision_recall.recall)):
        for name, why in networks.missing.items():
            result.skip(f"{metric}_{name}", why)
        for name in generated:
            for variant, features in (("", generated[name]), (REAL, validation[name])):
                of = "the test split" if not variant else "the validation and test splits"
                with result.attempt(metric, of, source=name, variant=variant):
                    result.add(metric, compute(real[name], features), source=name, variant=variant)


def training_images(training: Split, count: int, seed: int) -> np.ndarray:
    """Random training images uint8 [count, H, W, 3], different ones where there are enough: a trivial generator."""
    rows = np.resize(streams.generator(seed, "stand-ins").permutation(len(training)), count)
    images: np.ndarray = np.asarray(training.images[rows])
    return images
