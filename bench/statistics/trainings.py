"""One method's values of one metric, one a training, as the statistics take them."""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from bench.contracts.metric import MetricName
from bench.records.record import Measured, Record

MEAN_TOLERANCE = 1e-5
"""Relative: scores are stored as float32, whose steps are 1e-7 of a number, and a mean of many keeps that."""

Scores = Mapping[str, Mapping[str, np.ndarray]]
"""Per-example scores of records: the record's key to the array's name to its values [n]."""


@dataclass(frozen=True)
class Trainings:
    """What S trainings of one method gave for one metric.

    seeds: of the trainings, rising. values: [S], the metric's value of each; where a task was fitted several times on
    the codes of one training, their mean: what is counted and compared are trainings. images: [S, I], what each image
    gave in each training, so that the mean of a row is the training's value; None where the metric has no scores of
    single images, or where they are of other images in some training. layout: tells which images these are: equal
    layouts, equal images in equal order. error: standard error of one training's value over images, where it is known
    without `images` (a Frechet distance, BLEU). n: examples behind a value, the fewest of any training.
    """

    seeds: tuple[int, ...]
    values: np.ndarray
    images: np.ndarray | None
    layout: str
    error: float | None
    n: int
    sizes: np.ndarray | None = None

    @functools.cached_property
    def mean(self) -> float:
        """Over trainings."""
        return math.fsum(self.values.tolist()) / len(self.values)

    @functools.cached_property
    def of_images(self) -> np.ndarray:
        """What each image gave, over trainings, [I].

        Raises:
            ValueError: nothing is known of images.
        """
        if self.images is None:
            raise ValueError("no scores of images")
        return self.images[0] if len(self.images) == 1 else self.images.mean(0)


class _Images(NamedTuple):
    """What each image gave to one value [I], and which images these are."""

    parts: np.ndarray
    layout: str
    sizes: np.ndarray | None = None


def trainings_of(records: Sequence[Record], metric: str, scores: Scores) -> Trainings | None:
    """What the records of one method and task say of a metric, None if none has it.

    Args:
        records: successful ones, one a pair of seeds of training and head.
        metric: its name.
        scores: where to take the examples from; of records that are not there, no images are known.
    """
    fits: dict[int, list[Record]] = {}
    measured: dict[int, list[Measured]] = {}
    for record in records:
        one = record.metrics.get(metric)
        if one is not None:
            fits.setdefault(record.seed, []).append(record)
            measured.setdefault(record.seed, []).append(one)
    if not fits:
        return None
    seeds = tuple(sorted(fits))
    every = [one for seed in seeds for one in measured[seed]]
    values = np.array([_mean([one.value for one in measured[seed]]) for seed in seeds])
    n = min([one.n for one in every])
    images = [[_images(record, metric, scores) for record in fits[seed]] for seed in seeds] if scores else []
    known = [one for of_seed in images for one in of_seed if one is not None]
    if len(known) < len(every) or len({one.layout for one in known}) > 1:
        return Trainings(seeds, values, None, "", _error(every), n)
    rows = [_mean_of([one.parts for one in of_seed if one is not None]) for of_seed in images]
    return Trainings(seeds, values, np.stack(rows), known[0].layout, None, n, known[0].sizes)


def needed(record: Record, metric: str) -> set[str]:
    """The names of the per-example arrays that `trainings_of` takes of a record."""
    measured = record.metrics.get(metric)
    if measured is None or record.per_example is None or measured.over == "set":
        return set()
    return {metric, measured.clusters or _old_clusters(metric)}


def _mean(values: Sequence[float]) -> float:
    return values[0] if len(values) == 1 else math.fsum(values) / len(values)


def _mean_of(fits: Sequence[np.ndarray]) -> np.ndarray:
    return fits[0] if len(fits) == 1 else np.mean(fits, axis=0)


def _error(measured: Sequence[Measured]) -> float | None:
    """Root mean square of the errors over images; None unless every value has one.

    Of several fits on the same codes each has an error of its own, and they see the same images: their mean is no
    better known for being one of many.
    """
    errors = [one.error for one in measured if one.error is not None]
    return math.sqrt(math.fsum([error**2 for error in errors]) / len(errors)) if len(errors) == len(measured) else None


def _images(record: Record, metric: str, scores: Scores) -> _Images | None:
    """What each image gave to the value, so that their mean is the value.

    Of several examples of an image: value + (sum - value n_i) I / n, for n_i examples with this sum, I images and n
    examples. The spread of these over images is that of the clustered standard error (Miller 2024, arXiv 2411.00640,
    eq. 4), whatever the numbers of examples.

    Returns:
        None where there are not two images, their ids cannot be read, or the metric is no mean over examples.
    """
    arrays, measured = scores.get(record.key, {}), record.metrics[metric]
    found = arrays.get(metric)
    if found is None or len(found) < 2 or measured.over == "set":
        return None
    values, clusters = found.astype(np.float64), measured.clusters
    if measured.over is None:  # a record from before these were stored
        if not np.isclose(values.mean(), measured.value, rtol=MEAN_TOLERANCE):
            return None
        clusters = _old_clusters(metric) if len(arrays.get(_old_clusters(metric), ())) == len(values) else None
    if clusters is None:
        return _Images(values, str(len(values)))
    ids = arrays.get(clusters)
    if ids is None or len(ids) != len(values):
        return None
    number, counts, layout = _clusters(np.ascontiguousarray(ids).tobytes(), ids.dtype.str)
    if len(counts) < 2:
        return None
    mean = values.mean()
    parts = mean + (np.bincount(number, values) - mean * counts) * (len(counts) / len(values))
    return _Images(parts, layout, counts if counts.min() < counts.max() else None)


@functools.lru_cache(maxsize=64)
def _clusters(ids: bytes, dtype: str) -> tuple[np.ndarray, np.ndarray, str]:
    """Number of each example's image [n], examples of each image [I], and what tells these images from others.

    Most records of a task have the same ids.
    """
    unique, number, counts = np.unique(np.frombuffer(ids, dtype), return_inverse=True, return_counts=True)
    return number, counts, hashlib.sha256(unique.tobytes()).hexdigest()


def _old_clusters(metric: str) -> str:
    """The array of image ids in records that do not name it: "image", or "image/color" beside "accuracy/color"."""
    return str(MetricName.parse(metric)._replace(metric="image"))
