"""Metrics: how one is declared, and how its values are named.

A metric that several tasks share is a function in `bench/metrics/`, decorated with `@metrics.register(...)`. A task
declares what only it measures in its own registration: `metrics=("accuracy", Metric("knn_accuracy", ...))`.
"""

from __future__ import annotations

import functools
from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

FLOOR = "floor"
"""The variant that is a property of the data, such as the distance between two random halves of the validation and test
images together, which are samples of one distribution: it has no better."""
CONTROLS = (FLOOR, "real", "no-image", "shuffled-image", "most-frequent", "random-match", "random-box")
"""Variants, or ends of variants ("own-head-no-image"), that no codes have been read for, or not those of the image."""


@dataclass(frozen=True)
class Metric:
    """What a number means.

    name: lower case, words joined by "_". higher_is_better: None where neither direction is better.
    unit: "dB", "words"; empty where it has none. about: one line for `list metrics`.
    """

    name: str
    higher_is_better: bool | None
    unit: str = ""
    about: str = ""


class MetricName(NamedTuple):
    """The name of a value: `metric[_source][/part][@variant]`, such as `fd_tinyclip@floor` or `accuracy/color`.

    metric: the declared metric. source: what it is measured with or at ("tinyclip", "0.9", "4").
    part: the examples it is over, where those are not all ("color"). variant: another test split or a control.
    """

    metric: str
    source: str = ""
    part: str = ""
    variant: str = ""

    @classmethod
    def parse(cls, text: str, declared: Collection[str] = ()) -> MetricName:
        """Read a name; the source is told from the metric by the declared names, of which the longest match counts.

        Without a declared name that matches, all that stands before the part counts as the metric.
        """
        return _parse(text, tuple(declared))

    @property
    def main(self) -> bool:
        """Whether it is the value over all examples of the test split."""
        return not (self.part or self.variant)

    @property
    def control(self) -> bool:
        """Whether it says what is had without the codes of the right image, so that no method can be better in it."""
        return any(self.variant == name or self.variant.endswith(f"-{name}") for name in CONTROLS)

    @property
    def column(self) -> str:
        """Metric and source, without part and variant."""
        return self.metric + (f"_{self.source}" if self.source else "")

    def __str__(self) -> str:
        part = f"/{self.part}" if self.part else ""
        return self.column + part + (f"@{self.variant}" if self.variant else "")


@functools.lru_cache(maxsize=4096)
def _parse(text: str, declared: tuple[str, ...]) -> MetricName:
    """See `MetricName.parse`; a leaderboard reads the same few names again and again."""
    end = min((place for mark in "/@" if (place := text.find(mark)) >= 0), default=len(text))
    base, rest = text[:end], text[end:]
    part, _, variant = rest[1:].rpartition("@") if rest.startswith("/") and "@" in rest else (rest[1:], "", "")
    if rest.startswith("@"):
        part, variant = "", rest[1:]
    metric = max((name for name in declared if base == name or base.startswith(f"{name}_")), key=len, default=base)
    return MetricName(metric, base[len(metric) + 1 :], part, variant)
