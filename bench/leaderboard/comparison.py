"""One metric of several methods: each value with its interval, and which methods are tied with the best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from bench.contracts.metric import MetricName
from bench.leaderboard import statistics
from bench.records.record import Record

ALPHA = 0.05
"""Two methods differ where p is below this, after Holm's adjustment."""

MEAN_TOLERANCE = 1e-5
"""Relative: scores are stored as float32, whose steps are 1e-7 of a number, and a mean of many keeps that."""

Scores = Mapping[str, Mapping[str, np.ndarray]]
"""Per-example scores of records: the record's key to the array's name to its values [n]."""


@dataclass(frozen=True)
class TableValue:
    """What a table shows of a method and a metric.

    estimate: the mean over seeds, with its interval.
    over: what the interval is over: seeds, or the examples where there is one seed. None where there is no interval.
    n: examples behind the value; where seeds differ, the fewest.
    seeds: how many.
    tied: whether this is the best of its column or cannot be told from it.
    """

    estimate: statistics.Estimate
    over: Literal["seeds", "examples"] | None
    n: int
    seeds: int
    tied: bool = False


def table_value(records: Sequence[Record], metric: str, scores: Scores) -> TableValue | None:
    """One method's value of one metric from its successful records (one a seed), or None if none has it."""
    having = [record for record in records if metric in record.metrics]
    if not having:
        return None
    n = min(record.metrics[metric].n for record in having)
    estimate = statistics.over_seeds([record.metrics[metric].value for record in having])
    if len(having) > 1:
        return TableValue(estimate, "seeds", n, len(having))
    values, clusters = _examples(having[0], metric, scores)
    if values is None:
        return TableValue(estimate, None, n, 1)
    half_width = statistics.over_examples(values, clusters).half_width
    over: Literal["examples"] | None = "examples" if half_width is not None else None
    return TableValue(estimate._replace(half_width=half_width), over, n, 1)


def mark_ties(
    values: Sequence[TableValue | None],
    records: Sequence[Sequence[Record]],
    metric: str,
    higher_is_better: bool,
    scores: Scores,
) -> list[TableValue | None]:
    """Mark the best value, and each whose paired difference to the best is not significant at 5 % after Holm.

    Two methods are paired by seed where they share two seeds or more, else by example. Where neither is possible
    nothing is claimed. Nothing is marked where there is nothing to compare.

    Args:
        values: one a method, None where it has none.
        records: those behind each value.
        metric: its name.
        higher_is_better: its direction.
        scores: where to take the examples from.
    """
    means = {row: value.estimate.mean for row, value in enumerate(values) if value is not None}
    if len(set(means.values())) < 2:
        return list(values)
    best = (max if higher_is_better else min)(means, key=lambda row: means[row])
    p_values = {}
    for row in means:
        p = _p_value(records[best], records[row], metric, scores) if row != best else None
        if p is not None:
            p_values[row] = p
    tied = {row for row, p in statistics.holm(p_values).items() if p >= ALPHA}
    tied |= {row for row, mean in means.items() if mean == means[best]}
    return [replace(value, tied=row in tied) if value is not None else None for row, value in enumerate(values)]


def _p_value(best: Sequence[Record], other: Sequence[Record], metric: str, scores: Scores) -> float | None:
    """Two-sided p of "no difference", None where the two cannot be paired."""
    of_seed = {record.seed: record for record in other if metric in record.metrics}
    pairs = [(record, of_seed[record.seed]) for record in best if record.seed in of_seed and metric in record.metrics]
    if len(pairs) > 1:
        values = np.array([[pair[0].metrics[metric].value, pair[1].metrics[metric].value] for pair in pairs])
        return statistics.paired(values[:, 0], values[:, 1]).p
    for pair in pairs:
        (a, clusters_a), (b, clusters_b) = (_examples(record, metric, scores) for record in pair)
        if a is not None and b is not None and len(a) == len(b) and _same(clusters_a, clusters_b):
            return statistics.paired(a, b, clusters_a).p
    return None


def _examples(record: Record, metric: str, scores: Scores) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Scores [n] of a metric and the ids [n] of the images they belong to; without ids each score is of its own image.

    No scores where there are not two images at least, where their ids cannot be read, or where the metric is no mean
    over examples (BLEU, a Frechet distance).
    """
    arrays = scores.get(record.key, {})
    values = arrays.get(metric)
    if values is None or len(values) < 2:
        return None, None
    measured = record.metrics[metric]
    over, clusters = measured.over, measured.clusters
    if over is None:
        over, clusters = _inferred(metric, measured.value, arrays)
    if over == "set":
        return None, None
    if clusters is None:
        return values, None
    ids = arrays.get(clusters)
    if ids is None or len(ids) != len(values) or len(np.unique(ids)) < 2:
        return None, None
    return values, ids


def _inferred(
    metric: str, value: float, arrays: Mapping[str, np.ndarray]
) -> tuple[Literal["examples", "set"], str | None]:
    """`over` and `clusters` of a value in a record that was written before records stored them.

    It is a mean over examples if the scores' mean is the value. In such records the ids of images are an array named
    "image", or "image/color" beside "accuracy/color".
    """
    if not np.isclose(arrays[metric].mean(dtype=np.float64), value, rtol=MEAN_TOLERANCE):
        return "set", None
    image = str(MetricName.parse(metric)._replace(metric="image"))
    has_ids = image in arrays and len(arrays[image]) == len(arrays[metric])
    return "examples", image if has_ids else None


def _same(a: np.ndarray | None, b: np.ndarray | None) -> bool:
    return a is b if a is None or b is None else bool(np.array_equal(a, b))
