"""The number that is tuned for, and its value in records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from bench.contracts.metric import MetricName
from bench.errors import UsageError, did_you_mean
from bench.records.record import Measured, Record
from bench.registry import all_metrics, metric_names, metric_of, metrics


class Target(NamedTuple):
    """A metric with a better direction. name: of a value, or of a metric, whose first main value is meant."""

    name: str
    higher_is_better: bool
    unit: str

    def value(self, records: Sequence[Record]) -> tuple[float | None, str]:
        """The mean over the records of a trial's seeds; or None, and why there is none."""
        values = []
        for record in records:
            if record.status != "ok":
                return None, f"{record.status}: {record.reason}"
            measured = self._in(record)
            if measured is None:
                why = record.skipped.get(self.name)
                return None, f"no {self.name}" + (f": {why}" if why else "")
            values.append(measured.value)
        return (sum(values) / len(values), "") if values else (None, "not run")

    def _in(self, record: Record) -> Measured | None:
        if self.name in record.metrics:
            return record.metrics[self.name]
        names = {name: MetricName.parse(name, all_metrics()) for name in record.metrics}
        found = [name for name, parsed in names.items() if parsed.main and parsed.metric == self.name]
        return record.metrics[found[0]] if found else None


def find_target(task: str, name: str | None) -> Target:
    """The metric of this name, or the task's first that has a better direction.

    Raises:
        UsageError: the task measures no such metric, or none with a better direction.
    """
    declared = all_metrics()
    measured = (*metric_names(task), *(entry.name for entry in metrics.entries() if entry.from_outside))
    if name is None:
        name = next((one for one in measured if declared[one].higher_is_better is not None), None)
        if name is None:
            raise UsageError(f"{task} has no metric of which it is known whether more is better")
    elif MetricName.parse(name, measured).metric not in measured:
        raise UsageError(f"{task} measures no {name!r}{did_you_mean(name, measured)}")
    metric = metric_of(name)
    if metric.higher_is_better is None:
        raise UsageError(f"{name} has no better direction, so nothing can be tuned for it")
    return Target(name, metric.higher_is_better, metric.unit)
