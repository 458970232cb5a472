"""How small a difference is none: margins of equivalence, written down before there were records to look at."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from bench.contracts.metric import MetricName

SHARES = frozenset(
    {
        "accuracy",
        "box_accuracy",
        "corner_choice",
        "objects_named",
        "objects_placed",
        "precision",
        "r_precision",
        "recall",
        "vqa_accuracy",
        "word_accuracy",
        "word_recall",
    }
)
"""Metrics that are shares of examples, in [0, 1]; they are shown in points, hundredths."""


class Margin(NamedTuple):
    """size: in the metric's own unit. shown: for people."""

    size: float
    shown: str


POINT = Margin(0.01, "1 point")
OTHERS = {"cider_d": Margin(0.1, "0.1 CIDEr-D"), "psnr": Margin(0.1, "0.1 dB")}


def margin_of(name: str, declared: Collection[str] = ()) -> Margin | None:
    """The margin of a value by its name ("r_precision_judge"), None where none was written down.

    Args:
        declared: the names of the metrics that there are, by which a metric is told from what it is measured with.
    """
    metric = MetricName.parse(name, declared or {*SHARES, *OTHERS}).metric
    return POINT if metric in SHARES else OTHERS.get(metric)


def is_share(name: str, declared: Collection[str] = ()) -> bool:
    """Whether a value is shown in points."""
    return MetricName.parse(name, declared or SHARES).metric in SHARES
