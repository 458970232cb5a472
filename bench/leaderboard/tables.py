"""One table of the leaderboard: methods by metrics for one task under one protocol, or methods by costs."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Hashable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench import registry
from bench.contracts.metric import MetricName
from bench.errors import RecordError
from bench.leaderboard.comparison import Scores, TableValue, mark_ties, table_value
from bench.leaderboard.notes import far_from_controls, notes
from bench.leaderboard.rates import Rate, classes
from bench.leaderboard.repeats import merged
from bench.leaderboard.statistics import Estimate
from bench.noise.estimate import place_of
from bench.noise.noise import Noise
from bench.records.frame import costs
from bench.records.record import BLIND, Measured, Record
from bench.records.store import RecordStore

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Column:
    """A metric, or a cost, which has no direction here."""

    name: str
    higher_is_better: bool | None
    unit: str


@dataclass(frozen=True)
class Row:
    """A method with certain arguments. values: one a column, None where it is missing. notes: become footnotes.

    reference: a blind baseline or a control, which is shown beside the methods but not ranked among them.
    rate: what its codes cost, None where it has none or its records do not say.
    """

    label: str
    reference: bool
    values: tuple[TableValue | None, ...]
    notes: tuple[str, ...] = ()
    rate: Rate | None = None


@dataclass(frozen=True)
class Table:
    """Rows, best first within a class of equal bits an image, then controls and blind baselines.

    differs: what sets this protocol apart from the task's first table. unmeasured: metrics that some record lacks, and
    why. noise: of the headline metric, where it is known.
    """

    title: str
    protocol: str
    differs: tuple[str, ...]
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    unmeasured: tuple[str, ...] = ()
    noise: Noise | None = None

    @property
    def headline(self) -> int | None:
        """The column that rows are ordered and ranked by: the first with a direction."""
        return next((i for i, column in enumerate(self.columns) if column.higher_is_better is not None), None)


@dataclass(frozen=True)
class Scope:
    """What a table is to show beside its records.

    labels: the rows, by `method_of`, whether or not they have a record.
    references: those of them that are controls or blind baselines.
    images: how many of each split the section's methods used; a row that used others says so.
    store: where per-example scores are; None where they are not to be used.
    rates: of the rows.
    noises: what is known of the noise of any metric.
    elsewhere: rows that have a record of this task under another protocol.
    differs: what sets this protocol apart from the task's first table.
    """

    labels: Mapping[Hashable, str]
    references: AbstractSet[Hashable]
    images: Mapping[str, int]
    store: RecordStore | None
    rates: Mapping[Hashable, Rate | None] = field(default_factory=dict)
    noises: Sequence[Noise] = ()
    elsewhere: AbstractSet[Hashable] = frozenset()
    differs: Sequence[str] = ()


def method_of(record: Record) -> Hashable:
    """What makes a row: a method, its arguments and the text encoder it learnt from."""
    return record.method.name, json.dumps(record.method.arguments, sort_keys=True), record.text_encoder or ""


def task_table(task: str, records: Sequence[Record], scope: Scope) -> Table:
    """The table of one task from records of any status under one protocol, the newest of each pair of seeds."""
    of_method: dict[Hashable, list[Record]] = {method: [] for method in scope.labels}
    for record in records:
        of_method[method_of(record)].append(record)
    methods = sorted(of_method, key=lambda method: method in scope.references)
    ok = [[record for record in of_method[method] if record.status == "ok"] for method in methods]
    read, unreadable = _scores([record for of_row in ok for record in of_row], scope.store)
    ok, scores = _one_a_training(ok, read)
    columns = _columns(task, records)
    competing = sum(method not in scope.references for method in methods)
    equal = classes({row: scope.rates.get(methods[row]) for row in range(competing)})
    by_column = []
    for column in columns:
        values = [table_value(of_row, column.name, scores) for of_row in ok]
        if column.higher_is_better is not None:
            for members in equal:
                few = [values[row] for row in members], [ok[row] for row in members]
                marked = mark_ties(*few, column.name, column.higher_is_better, scores)
                values = [dict(zip(members, marked, strict=True)).get(row, value) for row, value in enumerate(values)]
        by_column.append(values)
    rows = []
    for i, method in enumerate(methods):
        of_row = notes(of_method[method], method in scope.elsewhere, scope.images, unreadable)
        far = far_from_controls(ok[i], ok[competing:]) if i < competing else []
        row_values = tuple(values[i] for values in by_column)
        rate = scope.rates.get(method)
        rows.append(Row(scope.labels[method], method in scope.references, row_values, (*of_row, *far), rate))
    unmeasured = sorted({f"{name} ({why})" for record in records for name, why in record.skipped.items()})
    protocol = records[0].protocol_hash
    table = _sorted(Table(task, protocol, tuple(scope.differs), tuple(columns), tuple(rows), tuple(unmeasured)))
    headline = None if table.headline is None else table.columns[table.headline].name
    of_headline = (noise for noise in scope.noises if noise.metric == headline and noise.place == place_of(records[0]))
    return dataclasses.replace(table, noise=next(of_headline, None))


def cost_table(records: Sequence[Record], labels: Mapping[Hashable, str]) -> Table:
    """What methods cost: the mean over a method's successful records that state a cost."""
    ok = [record for record in records if record.status == "ok" and record.method.name != BLIND]
    methods = sorted(labels, key=lambda method: labels[method])
    of_method = costs(ok).groupby([methods.index(method_of(record)) for record in ok])
    every = range(len(methods))
    means, counts = of_method.mean().reindex(every), of_method.count().reindex(every, fill_value=0)
    pairs = zip(methods, means.to_numpy(), counts.to_numpy(), strict=True)
    rows = [Row(labels[method], False, tuple(map(_cost, *of_row))) for method, *of_row in pairs]
    return Table("cost", "", (), tuple(Column(name, None, "") for name in means.columns), tuple(rows))


def _cost(mean: float, n: int) -> TableValue | None:
    """The mean of a cost that n records state; it has no interval, no examples and is no mean over seeds."""
    return TableValue(Estimate(float(mean), None, int(n)), over=None, n=0, seeds=0) if n else None


def _scores(records: Sequence[Record], store: RecordStore | None) -> tuple[dict[str, dict[str, np.ndarray]], set[str]]:
    """Per-example scores by key, and the keys of records whose scores cannot be read."""
    scores: dict[str, dict[str, np.ndarray]] = {}
    unreadable: set[str] = set()
    if store is None:
        return scores, unreadable
    for record in records:
        try:
            scores[record.key] = store.scores(record)
        except RecordError:
            unreadable.add(record.key)
    return scores, unreadable


def _one_a_training(rows: Sequence[list[Record]], read: Scores) -> tuple[list[list[Record]], Scores]:
    """Each row's records with fits on the same codes merged, and the scores that belong to them."""
    merged_rows = [merged(of_row, read) for of_row in rows]
    scores = {key: arrays for _, of_row in merged_rows for key, arrays in of_row.items()}
    return [of_row for of_row, _ in merged_rows], scores


def _columns(task: str, records: Sequence[Record]) -> list[Column]:
    """Main metrics in the order the task declares them, then their variants ("accuracy/color", "psnr@novel-pairs").

    A control of a metric ("accuracy@no-image") has no direction: nobody is better for having more of it.
    """
    declared = registry.metric_names(task)
    measured = {name: value for record in records for name, value in sorted(record.metrics.items())}

    def place(text: str) -> tuple[str, int, str]:
        name = MetricName.parse(text, declared)
        variant = str(name._replace(metric="", source=""))
        return variant, declared.index(name.metric) if name.metric in declared else len(declared), text

    return [Column(n, _direction(n, measured[n]), measured[n].unit) for n in sorted(measured, key=place)]


def _direction(name: str, measured: Measured) -> bool | None:
    return None if MetricName.parse(name).control else measured.higher_is_better


def _sorted(table: Table) -> Table:
    """Best first among equal bits; references after methods, and rows without a value after those with one."""
    column = table.headline
    competing = {row.label: row.rate for row in table.rows if not row.reference}
    class_of = {label: number for number, members in enumerate(classes(competing)) for label in members}

    def place(row: Row) -> tuple[bool, int, bool, float, str]:
        value = None if column is None else row.values[column]
        rank = class_of.get(row.label, 0)
        if column is None or value is None:
            return row.reference, rank, True, 0.0, row.label
        sign = -1 if table.columns[column].higher_is_better else 1
        return row.reference, rank, False, sign * value.estimate.mean, row.label

    return dataclasses.replace(table, rows=tuple(sorted(table.rows, key=place)))
