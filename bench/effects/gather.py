"""From records to trainings: what is measured in a place, and the values of a row with the images behind them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.contracts.metric import Metric, MetricName
from bench.effects.margins import Margin, is_share, margin_of
from bench.errors import RecordError
from bench.records.record import Record
from bench.records.store import RecordStore
from bench.registry import all_metrics, metric_names
from bench.statistics.trainings import Trainings, needed, trainings_of

ALSO = ("accuracy", "cider_d", "psnr")
"""Metrics with a margin that are asked about beside the one that a task ranks by."""
HELD = 64 * 2**20
"""Numbers of images that are kept at once, which more than one question may need."""


@dataclass(frozen=True)
class Asked:
    """A metric that effects are asked of. share: it is shown in points."""

    name: str
    unit: str
    higher_is_better: bool
    margin: Margin | None
    share: bool


class Metrics:
    """The declared metrics, read once."""

    def __init__(self) -> None:
        self._declared = all_metrics()

    def main(self, task: str, records: Iterable[Record]) -> list[Asked]:
        """All main metrics with a direction that some record has, in the order that the task declares them."""
        order = metric_names(task)
        measured = {name: one for record in records for name, one in record.metrics.items()}
        found: dict[str, tuple[int, Asked]] = {}
        for name, one in measured.items():
            parsed = MetricName.parse(name, self._declared)
            declared = self._declared.get(parsed.metric)
            better = declared.higher_is_better if declared is not None else one.higher_is_better
            if parsed.main and better is not None:
                place = order.index(parsed.metric) if parsed.metric in order else len(order)
                found[name] = (place, self._asked(name, declared or Metric(name, better, one.unit), better))
        return [found[name][1] for name in sorted(found, key=lambda name: (found[name][0], name))]

    def asked(self, task: str, records: Iterable[Record]) -> list[Asked]:
        """The first of `main`, and those of `ALSO`."""
        main = self.main(task, records)
        also = [one for one in main[1:] if MetricName.parse(one.name, self._declared).metric in ALSO]
        return main[:1] + also

    def _asked(self, name: str, metric: Metric, better: bool) -> Asked:
        margin, share = margin_of(name, self._declared), is_share(name, self._declared)
        return Asked(name, metric.unit, better, margin, share)


class Gathered:
    """Trainings of rows; scores are read from the store when they are first needed, for all metrics at once."""

    def __init__(self, store: RecordStore | None) -> None:
        self._store = store
        self._held: dict[tuple[tuple[str, ...], str], Trainings | None] = {}
        self._size = 0

    def of(self, rows: Sequence[Record], metrics: Sequence[Asked]) -> list[Trainings | None]:
        """One for each metric; None where no record of these rows has it.

        Scores that cannot be read are as if there were none.
        """
        keys = tuple(record.key for record in rows)
        if any((keys, metric.name) not in self._held for metric in metrics):
            if self._size > HELD:
                self._held.clear()
                self._size = 0
            names = {record.key: set().union(*(needed(record, metric.name) for metric in metrics)) for record in rows}
            scores = {}
            for record in rows:
                if self._store is not None and names[record.key]:
                    with contextlib.suppress(RecordError):
                        scores[record.key] = self._store.scores(record, names[record.key])
            for metric in metrics:
                found = self._held[keys, metric.name] = trainings_of(rows, metric.name, scores)
                self._size += 0 if found is None or found.images is None else found.images.size
        return [self._held[keys, metric.name] for metric in metrics]
