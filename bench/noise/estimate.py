"""From records to what is known of their noise."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Hashable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from bench.contracts.metric import MetricName
from bench.errors import RecordError
from bench.noise.components import Fit, ImageErrors, components, image_errors
from bench.noise.noise import Noise, Place
from bench.noise.power import SEEDS, smallest_difference
from bench.records.frame import newest
from bench.records.record import BLIND, Record
from bench.records.store import RecordStore
from bench.registry import metric_names

Scores = dict[str, dict[str, np.ndarray]]
"""A record's key to its per-example scores."""


def estimate(records: Iterable[Record], store: RecordStore | None = None) -> list[Noise]:
    """The noise of every metric with a direction, in each place that is compared within, sorted.

    Blind baselines have no training, and controls are bounds whose noise is another (one that answers everything has
    none), so that only competing methods count; where there are none, controls do. Methods are pooled.

    Args:
        records: of any status; the newest of each cell counts.
        store: holds the per-example scores; without it nothing is known about images.
    """
    places: dict[str, tuple[Place, list[Record]]] = {}
    for record in newest(records):
        if record.status == "ok" and record.method.name != BLIND:
            place = place_of(record)
            places.setdefault(place.model_dump_json(), (place, []))[1].append(record)
    found = []
    for _, (place, group) in sorted(places.items()):
        competing = [record for record in group if not record.method.control] or group
        found += _of_place(place, competing, store)
    return found


def place_of(record: Record) -> Place:
    """What the record's values are compared within."""
    return Place(
        dataset=record.dataset.name,
        dataset_arguments=record.dataset.arguments,
        fingerprint=record.dataset.fingerprint,
        preset=record.preset,
        task=record.task,
        protocol_hash=record.protocol_hash,
    )


def _of_place(place: Place, records: Sequence[Record], store: RecordStore | None) -> list[Noise]:
    of_method: dict[Hashable, list[Record]] = {}
    for record in records:
        arguments = json.dumps(record.method.arguments, sort_keys=True)
        of_method.setdefault((record.method.name, arguments, record.text_encoder), []).append(record)
    scores = _scores(records, store)
    names = _metrics(place.task, records)
    return [
        _of_metric(place, name, name == names[0], list(of_method.values()), scores)
        for name in names
    ]  # fmt: skip


def _of_metric(place: Place, metric: str, headline: bool, methods: Sequence[Sequence[Record]], scores: Scores) -> Noise:
    having = [[record for record in of_one if metric in record.metrics] for of_one in methods]
    having = [of_one for of_one in having if of_one]
    fits = [[Fit(r.seed, r.fit_seed, r.metrics[metric].value) for r in of_one] for of_one in having]
    known = components(fits)
    images = _of_images(metric, having, scores)
    smallest = {
        seeds: found
        for seeds in SEEDS
        if known.total is not None and (found := smallest_difference(known.total, images, seeds)) is not None
    }
    return Noise(
        place=place,
        metric=metric,
        unit=having[0][0].metrics[metric].unit,
        headline=headline,
        head=known.head,
        training=known.training,
        total=known.total,
        images=images and images.value,
        difference=images and images.difference,
        methods=len(having),
        trainings=sum(len({fit.training for fit in of_one}) for of_one in fits),
        fits=sum(map(len, fits)),
        head_freedom=known.head_freedom,
        total_freedom=known.total_freedom,
        smallest=smallest,
    )


def _of_images(metric: str, methods: Sequence[Sequence[Record]], scores: Scores) -> ImageErrors | None:
    """Errors over images, from the mean scores of each method; records that scored other examples are left out."""
    means: list[np.ndarray] = []
    reference: Examples | None = None
    for records in methods:
        found = [examples for record in records if (examples := _examples(record, metric, scores)) is not None]
        if reference is None and found:
            reference = found[0]
        alike = [one.values for one in found if reference is not None and _same(one, reference)]
        if alike:
            means.append(np.stack(alike).mean(0, dtype=np.float64))
    return image_errors(means, reference and reference.clusters)


class Examples(NamedTuple):
    """Scores [n], and the ids [n] of their images where several may share one."""

    values: np.ndarray
    clusters: np.ndarray | None


def _examples(record: Record, metric: str, scores: Scores) -> Examples | None:
    """The scores that a value is the mean of, or None where there are none."""
    measured, arrays = record.metrics[metric], scores.get(record.key, {})
    if measured.over != "examples" or metric not in arrays:
        return None
    if measured.clusters is None:
        return Examples(arrays[metric], None)
    ids = arrays.get(measured.clusters)
    return Examples(arrays[metric], ids) if ids is not None and len(ids) == len(arrays[metric]) else None


def _same(one: Examples, other: Examples) -> bool:
    """Whether they are of the same examples."""
    if one.clusters is None or other.clusters is None:
        return one.clusters is other.clusters and len(one.values) == len(other.values)
    return bool(np.array_equal(one.clusters, other.clusters))


def _metrics(task: str, records: Sequence[Record]) -> list[str]:
    """Metrics with a direction that are no controls: main ones in the order of the task, then parts and variants."""
    declared = metric_names(task)
    measured = {name for r in records for name, value in r.metrics.items() if value.higher_is_better is not None}

    def place(text: str) -> tuple[bool, int, str]:
        name = MetricName.parse(text, declared)
        return not name.main, declared.index(name.metric) if name.metric in declared else len(declared), text

    return sorted((name for name in measured if not MetricName.parse(name).control), key=place)


def _scores(records: Sequence[Record], store: RecordStore | None) -> Scores:
    """Per-example scores of all records that have some that can be read."""
    scores: Scores = {}
    if store is not None:
        for record in records:
            with contextlib.suppress(RecordError):
                scores[record.key] = store.scores(record)
    return scores
