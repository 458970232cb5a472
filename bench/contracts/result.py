"""What a task measured: values, the scores of single examples behind them, samples to look at, costs."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np

from bench.contracts.metric import MetricName
from bench.errors import NotMeasurable
from bench.system import standard_error


class Score(NamedTuple):
    """A metric's value.

    n: the number of examples behind it. over: "examples" where the value is the mean of `per_example` of its name,
    "set" where all examples give it at once (BLEU, a Frechet distance). clusters: the name of the array in
    `per_example` that says which examples share an image; None where each is an image of its own. error: standard error
    over images, see `bench.system.standard_error`; None where it is not known.
    """

    value: float
    n: int
    over: Literal["examples", "set"] = "set"
    clusters: str | None = None
    error: float | None = None


@dataclass
class TaskResult:
    """What a task leaves behind; fill it with `add`, `add_whole` and `skip`.

    metrics: name to score. per_example: name to array [n]. statistics: name to array [n] of what a distance was
    computed from, kept in the cache. samples: file name to PNG bytes or text, for a person to look at; a `.json` holds
    numbers alone, which are kept also where images and texts may not be handed on.
    skipped: metric to why it was not measured and the command that would change that. cost: name to value.
    """

    metrics: dict[str, Score] = field(default_factory=dict)
    per_example: dict[str, np.ndarray] = field(default_factory=dict)
    statistics: dict[str, np.ndarray] = field(default_factory=dict)
    samples: dict[str, bytes | str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    cost: dict[str, float] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def add(
        self,
        metric: str,
        scores: np.ndarray,
        *,
        source: str = "",
        part: str = "",
        variant: str = "",
        images: np.ndarray | None = None,
    ) -> None:
        """Add a mean over examples: its value, its n, its standard error, and what these are computed from.

        Args:
            metric: a declared metric.
            scores: of each example, [n].
            source, part, variant: the rest of the value's name, see `MetricName`.
            images: the number of each example's image, int [n], where several examples may share one (questions).

        Raises:
            NotMeasurable: there is no example.
            ValueError: the scores are not [n], or `images` not of the same length, or the value is there already.
        """
        scores = np.asarray(scores)
        if scores.ndim != 1 or (images is not None and len(images) != len(scores)):
            of_images = "" if images is None else f" with image numbers {np.shape(images)}"
            raise ValueError(f"{metric}: scores of examples are [n], not {scores.shape}{of_images}")
        if not len(scores):
            raise NotMeasurable("there is no example")
        name = str(MetricName(metric, source, part, variant))
        clusters = None
        if images is not None:
            clusters = str(MetricName("images", "", part, variant))
            self.per_example[clusters] = np.asarray(images)
        error = standard_error.of_mean(scores, images)
        self._put(name, Score(float(scores.mean(dtype=np.float64)), len(scores), "examples", clusters, error))
        self.per_example[name] = scores

    def add_whole(
        self,
        metric: str,
        value: float,
        n: int,
        *,
        source: str = "",
        part: str = "",
        variant: str = "",
        per_example: np.ndarray | None = None,
        error: float | None = None,
    ) -> None:
        """Add a value that all n examples give at once.

        Args:
            metric: a declared metric.
            value: of all examples.
            n: their number.
            source, part, variant: the rest of the value's name, see `MetricName`.
            per_example: scores of examples [n], which are kept but not averaged.
            error: the value's standard error over images; None where it is not known. `bench.system.standard_error`
                has that of what is computed from sums.

        Raises:
            ValueError: the error is no finite number of 0 or more, or the value is there already.
        """
        name = str(MetricName(metric, source, part, variant))
        if error is not None and not 0 <= error < math.inf:
            raise ValueError(f"{name}: a standard error is finite and 0 or more, not {error}")
        self._put(name, Score(float(value), n, error=None if error is None else float(error)))
        if per_example is not None:
            self.per_example[name] = per_example

    def skip(self, metric: str, why: str) -> None:
        """Say why a declared metric (or one of its sources, `fd_dinov2`) was not measured, and what would change it."""
        self.skipped[metric] = why

    @contextlib.contextmanager
    def attempt(self, metric: str, of: str, *, source: str = "", part: str = "", variant: str = "") -> Iterator[None]:
        """List a metric as skipped where what is done in the block finds that it cannot be had.

        Args:
            metric, source, part, variant: the value's name, see `MetricName`.
            of: what is looked at, for the reason: "the test split".
        """
        try:
            yield
        except NotMeasurable as error:
            self.skip(str(MetricName(metric, source, part, variant)), f"{of}: {error}")

    def _put(self, name: str, score: Score) -> None:
        if name in self.metrics:
            raise ValueError(f"{name} was measured twice")
        self.metrics[name] = score
