"""Distances between sets of images by several feature extractors: what every task that makes images measures."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from bench.contracts.data import Split
from bench.contracts.metric import FLOOR
from bench.contracts.result import Score, TaskResult
from bench.errors import DataError
from bench.features.extractor import Extractor, distance_names, load_extractor
from bench.metrics import distance, from_outside
from bench.metrics.distance_errors import ERRORS
from bench.registry import extractors, metric_of
from bench.system.kept import kept, key_of

DEFAULT_EXTRACTORS = ("scene-cnn", "efficientnet-lite0", "inception")
"""For every data set; an extractor that says nothing of images of a size is left out there (see `ExtractorFacts`)."""
BATCH = 32
"""Small, since most extractors see each image at 224 px or more."""
HALVINGS = 8
"""Of which the floor is a mean: the distance between two samples has a long tail where few directions hold most of the
variance (on scene-cnn's features its standard deviation is nearly half of its mean)."""

Features = dict[str, Tensor]
"""Extractor's name to the features [N, F] of a set of images."""

MEASURES: Mapping[str, Callable[[Tensor, Tensor, bool], float]] = {
    "fd": distance.frechet_distance_of,
    "kd": distance.kernel_distance,
    "fid": distance.fid,
    "kid": distance.kid,
    "cmmd": distance.cmmd,
}


class FeatureExtractors:
    """The named extractors, without those whose weights are not on this machine or that are for images of other sizes.

    side: of the images, in pixels; None takes extractors whatever they are for.
    missing: the others by name, and why. skipped: the distances that those would have given, by name, and why.

    Raises:
        UsageError: an extractor is not known.
    """

    def __init__(self, names: Sequence[str], device: str, side: int | None = None) -> None:
        self.missing: dict[str, str] = {}
        self._extractors: dict[str, Extractor] = {}
        for name in names:
            try:
                if reason := _unfit(name, side):
                    self.missing[name] = reason
                else:
                    self._extractors[name] = load_extractor(name, device)
            except DataError as error:
                self.missing[name] = str(error)
        self.skipped = {metric: why for name, why in self.missing.items() for metric in distance_names(name)}

    def features(self, images: np.ndarray) -> Features:
        """Features of images uint8 [N, H, W, 3], batch by batch, in main memory."""
        return {name: _features(extractor, images) for name, extractor in self._extractors.items()}

    def features_of_split(self, split: Split) -> Features:
        """Features of a split's images, computed once where the split has a folder to keep them in.

        Raises:
            BenchError: they cannot be kept; see `bench.system.kept`.
        """
        return {name: _features_of_split(extractor, split) for name, extractor in self._extractors.items()}


class Distances(NamedTuple):
    """metrics: scores by name. statistics: of the generated images, from which Frechet distances can be recomputed.

    skipped: distances that cannot be had of so few images, and why.
    """

    metrics: dict[str, Score]
    statistics: dict[str, np.ndarray]
    skipped: dict[str, str]


def distances(real: Features, generated: Features, paired: bool, validation: Features | None = None) -> Distances:
    """Distances of generated images to real ones by every extractor.

    Args:
        paired: whether image i was made from real image i, as in a reconstruction.
        validation: features of further real images; the mean distance of `halvings` of them and the real ones is added,
            since no generator is expected to come nearer.
    """
    result = TaskResult()
    _score(result, [(real, generated)], paired, "", "the test split")
    if validation is not None:
        _score(result, halvings(validation, real), False, FLOOR, "the validation and test splits")
    packed = {
        f"statistics/{distance_names(name)[0]}": distance.pack_statistics(distance.statistics([features]))
        for name, features in generated.items()
    }
    return Distances(result.metrics, packed, result.skipped)


def halvings(one: Features, other: Features) -> list[tuple[Features, Features]]:
    """The images of two sets together, cut into two random halves without a common image, `HALVINGS` times.

    The sets themselves need not be samples of one distribution: they may hold other scenes, birds or years, or be
    balanced by design. The halves are. Always the same ones, so that their distance is a property of the data.
    """
    pooled = {name: torch.cat([one[name], other[name]]) for name in other}
    count = len(next(iter(pooled.values()), ()))
    rng = np.random.default_rng(0)

    def taken(rows: np.ndarray) -> Features:
        return {name: features[torch.from_numpy(rows)] for name, features in pooled.items()}

    orders = [rng.permutation(count) for _ in range(HALVINGS)]
    return [(taken(rows[: count // 2]), taken(rows[count // 2 : count // 2 * 2])) for rows in orders]


def protocol(names: Sequence[str]) -> dict[str, object]:
    """What determines the values; an extractor's fingerprint is None where its weights are missing."""
    return {
        **distance.PROTOCOL,
        "floor": f"mean distance over {HALVINGS} cuts of the validation and test images together into random halves",
        "extractors": {name: _fingerprint(name) for name in names},
        **from_outside.protocol("features"),
    }


def _score(result: TaskResult, pairs: list[tuple[Features, Features]], paired: bool, variant: str, of: str) -> None:
    """Add every distance by its name and variant, the mean over pairs of sets; n: images in the smaller set of one.

    A distance of one pair of sets has its standard error; what it is of those from outside is not known.
    """
    for name in pairs[0][1]:
        sets = [(real[name], generated[name]) for real, generated in pairs]
        n = min(len(features) for features in sets[0])
        for metric in distance_names(name):
            with result.attempt(metric, of, variant=variant):
                kind = metric_of(metric).name
                value = float(np.mean([MEASURES[kind](real, made, paired) for real, made in sets]))
                error = ERRORS[kind](*sets[0], paired) if len(sets) == 1 else None
                result.add_whole(metric, value, n, variant=variant, error=error)
        for metric, compute in from_outside.registered("features").items():
            with result.attempt(metric, of, source=name, variant=variant):
                value = float(np.mean([compute(real, made) for real, made in sets]))
                result.add_whole(metric, value, n, source=name, variant=variant)


def _unfit(name: str, side: int | None) -> str:
    """Why an extractor's features say nothing of images of this side, or ""."""
    facts = extractors.get(name).facts
    if side is not None and facts.smallest is not None and side < facts.smallest:
        return f"{name} sees little but blur in images of {side} px; it is for {facts.smallest} px and more"
    if side is not None and facts.largest is not None and side > facts.largest:
        return f"{name} is for images of {facts.largest} px at most, and these have {side}"
    return ""


def _features(extractor: Extractor, images: np.ndarray) -> Tensor:
    parts = [extractor.features(images[start : start + BATCH]).cpu() for start in range(0, len(images), BATCH)]
    return torch.cat(parts)


def _features_of_split(extractor: Extractor, split: Split) -> Tensor:
    key = key_of(extractor.fingerprint())
    path = None if split.cache is None else split.cache / f"features-{extractor.name}-{key}.npy"
    return kept(path, lambda: _features(extractor, split.images), _pack, lambda path: _read(path, len(split)))


def _pack(features: Tensor) -> bytes:
    packed = io.BytesIO()
    np.save(packed, features.numpy(), allow_pickle=False)
    return packed.getvalue()


def _read(path: Path, images: int) -> Tensor:
    features = np.load(path, allow_pickle=False)
    if features.ndim != 2 or len(features) != images or features.dtype != np.float32:
        raise ValueError(f"it holds {features.dtype} {features.shape}, not features of {images} images")
    return torch.from_numpy(features)


def _fingerprint(name: str) -> str | None:
    try:
        return load_extractor(name).fingerprint()
    except DataError:
        return None
