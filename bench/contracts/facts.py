"""Facts: what a registration tells about a plug-in without importing it. They are literals, read from the source.

A fact without a default has to be given.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from bench.contracts.metric import Metric

Kind = Literal["captions", "questions", "boxes", "masks"]
"""What a data set may offer beside its images, and a task may need."""


@dataclass(frozen=True)
class MethodFacts:
    """`@methods.register(name, ...)`. arguments: those of the class that this name sets: {"distance": "l2"}."""

    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TaskFacts:
    """`@tasks.register(name, ...)`.

    needs: what the data set has to offer; () for images alone.
    metrics: what is measured, in the order of the leaderboard's columns, the one that ranks first. A string names a
        metric of `bench/metrics`, `Metric(...)` declares one that this task alone measures.
    blind: what the task's trivial baseline is called; `run` is then also called with no codes. None if there is none.
    budget: which of the preset's budgets `run` is given.
    reads_text: whether the task has an argument `text_encoder`, to be set to the run's unless the user sets it.
    """

    needs: tuple[Kind, ...]
    metrics: tuple[str | Metric, ...]
    blind: str | None = None
    budget: Literal["head", "generator"] = "head"
    reads_text: bool = False


@dataclass(frozen=True)
class DataSetFacts:
    """`@datasets.register(name, ...)`.

    offers: what there is beside images; () for nothing. reads_files: whether it is read from a folder of the user's.
    """

    offers: tuple[Kind, ...]
    reads_files: bool = False


@dataclass(frozen=True)
class MetricFacts:
    """`@metrics.register(name, ...)`: see `Metric`, whose `about` is the first line of the function's docstring.

    compares: what the harness calls the function with, besides those that call it themselves.
        "images": (made, originals), both uint8 [N, H, W, 3] -> float [N]; task reconstruction, on every image.
        "features": (real, made), both tensors float [N, F] -> float; every task that compares sets of images, once
        for each feature extractor, whose name is added to the metric's.
    """

    higher_is_better: bool | None
    unit: str = ""
    compares: Literal["images", "features"] | None = None


@dataclass(frozen=True)
class ExtractorFacts:
    """`@extractors.register(name, ...)`.

    distances: names that distances on its features have in the literature; by default `fd_NAME` and `kd_NAME`.
    smallest, largest: sides of images in pixels, beyond which its features say nothing; None where there is no bound.
    """

    distances: tuple[str, ...] = ()
    smallest: int | None = None
    largest: int | None = None


@dataclass(frozen=True)
class TextEncoderFacts:
    """`@text_encoders.register(name)` takes no facts."""


Facts: TypeAlias = MethodFacts | TaskFacts | DataSetFacts | MetricFacts | ExtractorFacts | TextEncoderFacts
