"""What a metric promises that the harness calls, asked on a few images or on made-up features."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.check import common
from bench.check.report import Duty, Line, NotAsked, hold
from bench.check.samples import BUILT_IN, Place, make_dataset
from bench.contracts.facts import MetricFacts
from bench.contracts.registration import Entry
from bench.errors import ContractError

FEATURES = (60, 8)
"""Number and width of the made-up features."""

TOLERANCE = 1e-6
"""Share of a value by which rounding may make another one better."""

Pair = tuple[Any, Any]


@dataclass(frozen=True)
class MetricTrial:
    """entry: the metric. folder: for prepared images."""

    entry: Entry[MetricFacts]
    folder: Path

    @functools.cached_property
    def images(self) -> np.ndarray:
        """uint8 [16, S, S, 3]"""
        return np.array(make_dataset(BUILT_IN).split("test", self.folder).images)

    @functools.cached_property
    def pairs(self) -> dict[str, Pair]:
        """What is compared, as the metric's arguments: "identical", and things that are ever less alike."""
        if self.entry.facts.compares == "images":
            noise = np.random.default_rng(0).integers(-20, 21, self.images.shape)
            noisy = (self.images + noise).clip(0, 255).astype(np.uint8)
            others = {"identical": self.images, "noisy": noisy, "inverted": 255 - self.images}
            return {name: (made.copy(), self.images.copy()) for name, made in others.items()}
        real = torch.randn(FEATURES, generator=torch.Generator().manual_seed(0))
        features = {"identical": real, "moved": real + 0.5, "far away": 3 * real + 5}
        return {name: (real.clone(), made.clone()) for name, made in features.items()}

    def measure(self, pair: Pair) -> np.ndarray:
        """The metric's value or values as an array."""
        return np.asarray(self.entry.load()(*pair))


def check_metric(plugin: str, entry: Entry[Any], place: Place) -> list[Line]:
    """Ask all duties of a metric."""
    return hold(plugin, entry.path, MetricTrial(entry, place.scratch), DUTIES)


def is_called(trial: MetricTrial) -> str:
    """The harness calls the function, which can be imported; returns with what."""
    trial.entry.load()
    if trial.entry.facts.compares is None:
        raise NotAsked("without the fact `compares` only tasks that import the function call it, in their own way")
    return f"it compares {trial.entry.facts.compares}"


def has_values(trial: MetricTrial) -> None:
    """Finite numbers: [N] of N images, a single one of two sets of features, also of different sizes."""
    pairs = dict(trial.pairs)
    shape: tuple[int, ...] = (len(trial.images),)
    if trial.entry.facts.compares == "features":
        shape, (real, made) = (), pairs["moved"]
        pairs["sets of different sizes"] = real, made[: len(made) // 2]
    for name, pair in pairs.items():
        value = trial.measure(pair)
        if value.shape != shape or not np.issubdtype(value.dtype, np.number):
            raise ContractError(f"{name}: it gives {value.dtype} {list(value.shape)}, not a float {list(shape)}")
        if not np.isfinite(value).all():
            raise ContractError(f"{name}: it gives {value.ravel()[~np.isfinite(value.ravel())][0]}")


def is_best_where_nothing_differs(trial: MetricTrial) -> str:
    """No value is better, in the metric's own direction, than that of identical inputs; returns the means."""
    if trial.entry.facts.higher_is_better is None:
        raise NotAsked("neither direction is better")
    means = {name: float(trial.measure(pair).mean()) for name, pair in trial.pairs.items()}
    best, margin = means["identical"], TOLERANCE * max(1, abs(means["identical"]))
    if all(abs(mean - best) <= margin for mean in means.values()):
        raise ContractError(f"it gives {best:.4g} whatever is compared")
    direction, sign = ("higher", 1) if trial.entry.facts.higher_is_better else ("lower", -1)
    for name, mean in means.items():
        if sign * (mean - best) > margin:
            raise ContractError(f"{name} gives {mean:.4g} and identical {best:.4g}, though {direction} is better")
    return ", ".join(f"{name} {mean:.4g}" for name, mean in means.items())


def measures_each_image_alone(trial: MetricTrial) -> None:
    """An image's value does not depend on the images beside it: records are computed batch by batch."""
    if trial.entry.facts.compares != "images":
        raise NotAsked("features are compared as sets")
    made, originals = trial.pairs["noisy"]
    together = trial.measure((made, originals))
    alone = [trial.measure((made[i : i + 1], originals[i : i + 1])).item() for i in range(len(made))]
    if not np.allclose(together, alone, rtol=1e-4):
        raise ContractError(
            f"an image's value depends on its batch: {together[0]:.6g} with others, {alone[0]:.6g} alone"
        )


def leaves_its_inputs(trial: MetricTrial) -> None:
    """What is compared stays as it was."""
    for pair in trial.pairs.values():
        copies = [_copy(one) for one in pair]
        trial.measure((copies[0], copies[1]))
        if not all(np.array_equal(copy, one) for copy, one in zip(copies, pair, strict=True)):
            raise ContractError("the function changes its arguments")


def repeats_itself(trial: MetricTrial) -> None:
    """The same inputs give the same value."""
    for name, pair in trial.pairs.items():
        if not np.array_equal(trial.measure(pair), trial.measure(pair)):
            raise ContractError(f"{name}: a second call gives another value")


DUTIES = (
    Duty[MetricTrial](common.ABOUT, lambda trial: common.check_about(trial.entry)),
    Duty[MetricTrial]("is called by the harness", is_called, first=True),
    Duty[MetricTrial]("gives finite numbers", has_values, first=True),
    Duty[MetricTrial]("is best where nothing differs", is_best_where_nothing_differs),
    Duty[MetricTrial]("measures each image whatever its batch", measures_each_image_alone),
    Duty[MetricTrial]("gives the same value twice", repeats_itself),
    Duty[MetricTrial]("leaves its inputs as they are", leaves_its_inputs),
)


def _copy(value: np.ndarray | Tensor) -> np.ndarray | Tensor:
    return value.clone() if isinstance(value, Tensor) else value.copy()
