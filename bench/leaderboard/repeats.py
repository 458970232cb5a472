"""Several fits of a task's network on the codes of one training become one record: their mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from bench.records.record import Measured, Record


def merged(
    records: Sequence[Record], scores: Mapping[str, Mapping[str, np.ndarray]]
) -> tuple[list[Record], dict[str, dict[str, np.ndarray]]]:
    """One record a training, and the scores that belong to it.

    A training that was fitted on more often is no better known for it: what tables count and compare are trainings. A
    metric's value and its per-example scores are means over the fits; scores that are not there for every fit, or that
    are of other examples, are left out, ids of images as they are.

    Args:
        records: successful ones of a method and task, the newest of each pair of seeds.
        scores: per-example scores by the records' keys.
    """
    of_training: dict[int, list[Record]] = {}
    for record in records:
        of_training.setdefault(record.seed, []).append(record)
    merged_records, merged_scores = [], {}
    for fits in of_training.values():
        first = fits[0]
        merged_records.append(first if len(fits) == 1 else _mean_record(fits))
        arrays = [scores[record.key] for record in fits if record.key in scores]
        if len(arrays) == len(fits):
            merged_scores[first.key] = dict(arrays[0]) if len(fits) == 1 else _mean_scores(first, arrays)
    return merged_records, merged_scores


def _mean_record(fits: Sequence[Record]) -> Record:
    """The first with means of the metrics that every fit has."""
    shared = [name for name in fits[0].metrics if all(name in record.metrics for record in fits)]
    metrics = {name: _mean([record.metrics[name] for record in fits]) for name in shared}
    return fits[0].model_copy(update={"metrics": metrics})


def _mean(values: Sequence[Measured]) -> Measured:
    mean = float(np.mean([measured.value for measured in values]))
    return values[0].model_copy(update={"value": mean, "n": min(measured.n for measured in values)})


def _mean_scores(first: Record, fits: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    means: dict[str, np.ndarray] = {}
    for name, values in fits[0].items():
        others = [arrays.get(name) for arrays in fits[1:]]
        if any(other is None or other.shape != values.shape for other in others):
            continue
        if name in first.metrics:
            means[name] = np.stack([arrays[name] for arrays in fits]).mean(0, dtype=np.float64)
        elif all(other is not None and np.array_equal(other, values) for other in others):
            means[name] = values
    return means
