"""One metric of several methods: each value with its interval, and which methods are tied with the best."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from bench.leaderboard import statistics
from bench.records.record import Record

ALPHA = 0.05

Scores = Mapping[str, Mapping[str, np.ndarray]]
"""Per-example scores of records: key to metric name to [n].

A whole-number array named "image" ("image/color" beside "accuracy/color") says which examples share an image.
"""


@dataclass(frozen=True)
class Cell:
    """A metric's mean over seeds. The interval is over `seeds`, or with one seed over `examples`.

    tied: whether this is the best of its column or cannot be told from it.
    """

    estimate: statistics.Estimate
    over: Literal["seeds", "examples"] | None
    n: int
    seeds: int
    tied: bool = False


def cell(records: Sequence[Record], metric: str, scores: Scores) -> Cell | None:
    """One method's value of one metric from its successful records (one a seed), or None if none has it."""
    having = [record for record in records if metric in record.metrics]
    if not having:
        return None
    n = min(record.metrics[metric].n for record in having)
    estimate = statistics.over_seeds([record.metrics[metric].value for record in having])
    if len(having) > 1:
        return Cell(estimate, "seeds", n, len(having))
    values, clusters = _examples(having[0], metric, scores)
    if values is None:
        return Cell(estimate, None, n, 1)
    half_width = statistics.over_examples(values, clusters).half_width
    return Cell(estimate._replace(half_width=half_width), "examples" if half_width is not None else None, n, 1)


def mark_ties(
    cells: Sequence[Cell | None],
    records: Sequence[Sequence[Record]],
    metric: str,
    higher_is_better: bool,
    scores: Scores,
) -> list[Cell | None]:
    """Mark the best cell, and each whose paired difference to the best is not significant at 5 % after Holm.

    Two methods are paired by seed where they share two seeds or more, else by example. Where neither is possible
    nothing is claimed. Nothing is marked where there is nothing to compare.
    """
    means = {row: found.estimate.mean for row, found in enumerate(cells) if found is not None}
    if len(set(means.values())) < 2:
        return list(cells)
    best = (max if higher_is_better else min)(means, key=lambda row: means[row])
    p_values = {}
    for row in means:
        p = _p_value(records[best], records[row], metric, scores) if row != best else None
        if p is not None:
            p_values[row] = p
    tied = {row for row, p in statistics.holm(p_values).items() if p >= ALPHA}
    tied |= {row for row, mean in means.items() if mean == means[best]}
    return [replace(found, tied=row in tied) if found is not None else None for row, found in enumerate(cells)]


def _p_value(best: Sequence[Record], other: Sequence[Record], metric: str, scores: Scores) -> float | None:
    of_seed = {record.seed: record for record in other if metric in record.metrics}
    pairs = [(record, of_seed[record.seed]) for record in best if record.seed in of_seed and metric in record.metrics]
    if len(pairs) > 1:
        values = np.array([[one.metrics[metric].value, two.metrics[metric].value] for one, two in pairs])
        return statistics.paired(values[:, 0], values[:, 1]).p
    for one, two in pairs:
        (a, clusters_a), (b, clusters_b) = (_examples(record, metric, scores) for record in (one, two))
        if a is not None and b is not None and len(a) == len(b) and _same(clusters_a, clusters_b):
            return statistics.paired(a, b, clusters_a).p
    return None


def _examples(record: Record, metric: str, scores: Scores) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Scores and cluster ids of a metric; none unless at least two images, and the scores' mean is the value.

    A metric that is not a mean over examples (BLEU, a Frechet distance) gets no interval from them.
    """
    arrays = scores.get(record.key, {})
    values = arrays.get(metric)
    measured = record.metrics[metric].value
    if values is None or len(values) < 2 or not np.isclose(values.mean(dtype=np.float64), measured, rtol=1e-5):
        return None, None
    clusters = arrays.get("image" + metric[len(re.split("[/@]", metric)[0]) :])
    if clusters is None or len(clusters) != len(values):
        return values, None
    return (values, clusters) if len(set(clusters.tolist())) > 1 else (None, None)


def _same(a: np.ndarray | None, b: np.ndarray | None) -> bool:
    return a is b if a is None or b is None else bool(np.array_equal(a, b))
