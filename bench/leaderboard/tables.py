"""One table of the leaderboard: methods by metrics for one task under one protocol, or methods by costs."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench import registry
from bench.errors import RecordError, UsageError
from bench.experiment.plan import BLIND
from bench.leaderboard import statistics
from bench.leaderboard.comparison import Cell, cell, mark_ties
from bench.records import alarms
from bench.records.record import Record
from bench.records.store import RecordStore

NO_RECORD = "no record"
"""The note of a method that others of its table leave behind: it has not run this task."""


@dataclass(frozen=True)
class Column:
    """A metric, or a cost, which has no direction here."""

    name: str
    higher_is_better: bool | None
    unit: str


@dataclass(frozen=True)
class Row:
    """A method with certain arguments. A cell is None where a value is missing; notes become footnotes.

    reference: a blind baseline or a control, which is shown beside the methods but not ranked among them.
    """

    label: str
    reference: bool
    cells: tuple[Cell | None, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """Rows, best first, then controls and blind baselines.

    differs: what sets this protocol apart from the task's first table. unmeasured: metrics that some record lacks, and
    why.
    """

    title: str
    protocol: str
    differs: tuple[str, ...]
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    unmeasured: tuple[str, ...] = ()

    @property
    def headline(self) -> int | None:
        """The column that rows are ordered and ranked by: the first with a direction."""
        return next((i for i, column in enumerate(self.columns) if column.higher_is_better is not None), None)


def method_of(record: Record) -> Hashable:
    """What makes a row: a method, its arguments and the text encoder it learnt from."""
    return record.method.name, json.dumps(record.method.arguments, sort_keys=True), record.text_encoder or ""


def task_table(
    task: str,
    records: Sequence[Record],
    labels: Mapping[Hashable, str],
    references: set[Hashable],
    elsewhere: set[Hashable],
    images: Mapping[str, int],
    differs: Sequence[str],
    store: RecordStore | None,
) -> Table:
    """The table of one task from records under one protocol, the newest of each seed.

    Args:
        task: its name.
        records: of any status.
        labels: the rows to show, whether or not they have a record.
        references: rows that are controls or blind baselines.
        elsewhere: rows that have a record of this task under another protocol.
        images: how many of each split the section's methods used; a row that used others says so.
        differs: what to say about the protocol.
        store: where per-example scores are.
    """
    of_method: dict[Hashable, list[Record]] = {method: [] for method in labels}
    for record in records:
        of_method[method_of(record)].append(record)
    methods = sorted(of_method, key=lambda method: method in references)
    ok = [[record for record in of_method[method] if record.status == "ok"] for method in methods]
    scores, broken = _scores([record for of_row in ok for record in of_row], store)
    columns = _columns(task, records)
    real = sum(method not in references for method in methods)
    by_column = []
    for column in columns:
        found = [cell(of_row, column.name, scores) for of_row in ok]
        if column.higher_is_better is not None:
            found[:real] = mark_ties(found[:real], ok[:real], column.name, column.higher_is_better, scores)
        by_column.append(found)
    far = [_far(of_row, ok[real:]) for of_row in ok[:real]] + [[] for _ in ok[real:]]
    rows = [
        Row(
            labels[method],
            method in references,
            tuple(column[i] for column in by_column),
            (*_notes(of_method[method], method in elsewhere, images, broken), *far[i]),
        )
        for i, method in enumerate(methods)
    ]
    unmeasured = sorted({f"{name} ({why})" for record in records for name, why in record.skipped.items()})
    return _sorted(
        Table(task, records[0].protocol_hash, tuple(differs), tuple(columns), tuple(rows), tuple(unmeasured))
    )


def cost_table(records: Sequence[Record], labels: Mapping[Hashable, str]) -> Table:
    """What methods cost: the mean over a method's successful records that state a cost."""
    ok = [record for record in records if record.status == "ok" and record.method.name != BLIND]
    names = sorted({name for record in ok for name in record.cost})
    rows = []
    for method, label in labels.items():
        mine = [record.cost for record in ok if method_of(record) == method]
        cells = [_mean([cost[name] for cost in mine if name in cost]) for name in names]
        rows.append(Row(label, False, tuple(cells)))
    columns = tuple(Column(name, None, "") for name in names)
    return Table("cost", "", (), columns, tuple(sorted(rows, key=lambda row: row.label)))


def _mean(values: Sequence[float]) -> Cell | None:
    return Cell(statistics.Estimate(math.fsum(values) / len(values), None, len(values)), None, 0, 0) if values else None


def _scores(records: Sequence[Record], store: RecordStore | None) -> tuple[dict[str, dict[str, np.ndarray]], set[str]]:
    """Per-example scores by key, and the keys of records whose scores cannot be read."""
    scores, broken = {}, set()
    for record in records if store is not None else ():
        assert store is not None
        try:
            scores[record.key] = store.scores(record)
        except RecordError:
            broken.add(record.key)
    return scores, broken


def _columns(task: str, records: Sequence[Record]) -> list[Column]:
    """Main metrics in the order the task declares them, then their variants ("accuracy/color", "psnr@novel-pairs")."""
    facts = registry.tasks.get(task).facts if task in registry.tasks.names() else {}
    declared = list(facts.get("metrics", ()))
    measured = {name: metric for record in records for name, metric in sorted(record.metrics.items())}

    def place(name: str) -> tuple[str, int, str]:
        main = re.split("[/@]", name)[0]
        family = main if main in declared else _family(name)
        return name[len(main) :], declared.index(family) if family in declared else len(declared), name

    return [Column(n, measured[n].higher_is_better, measured[n].unit) for n in sorted(measured, key=place)]


def _family(name: str) -> str:
    """The metric a variant belongs to; its own name where this version knows no such metric."""
    try:
        return registry.metric_family(name)
    except UsageError:
        return name


def _notes(records: Sequence[Record], elsewhere: bool, images: Mapping[str, int], broken: set[str]) -> list[str]:
    """Why values are missing, and what a reader should know about those that are there."""
    if not records:
        return ["has this task under another protocol only, see the next table" if elsewhere else NO_RECORD]
    notes: list[str] = []
    for record in records:
        seed = f"seed {record.seed} " if len(records) > 1 else ""
        if record.status != "ok":
            notes.append(f"{seed}{record.status}: {record.reason}")
            continue
        used = [f"{n:,} {split}" for split, n in sorted(record.dataset.used.items()) if n != images[split]]
        if used:
            notes.append(f"{seed}used other images than most: {', '.join(used)}")
        if record.key in broken:
            notes.append(f"{seed}per-example scores are missing or broken")
        notes += [f"{seed}warning: {warning}" for warning in record.warnings]
    if len({record.code for record in records}) > 1:
        notes.append("its seeds ran different versions of the code")
    return list(dict.fromkeys(notes))


def _far(records: Sequence[Record], references: Sequence[Sequence[Record]]) -> list[str]:
    """Whether a method is far off the controls that have a codebook and ran the same seeds."""
    seeds = {record.seed for record in records}
    controls = [
        _distances(of_row)
        for of_row in references
        if {record.seed for record in of_row} == seeds
        and all(record.method.control and "usage" in record.metrics for record in of_row)
    ]
    return [f"warning: {alarm}" for alarm in alarms.far_from_control(_distances(records), controls)]


def _distances(records: Sequence[Record]) -> dict[str, float]:
    """Means over seeds of the Frechet distances; their floor belongs to the data and has no direction."""
    measured = [
        (name, metric.value)
        for record in records
        for name, metric in record.metrics.items()
        if name.startswith("fd_") and metric.higher_is_better is False
    ]
    names = {name for name, _ in measured}
    return {name: statistics.over_seeds([value for other, value in measured if other == name]).mean for name in names}


def _sorted(table: Table) -> Table:
    column = table.headline

    def place(row: Row) -> tuple[bool, bool, float, str]:
        found = None if column is None else row.cells[column]
        if column is None or found is None:
            return row.reference, True, 0.0, row.label
        sign = -1 if table.columns[column].higher_is_better else 1
        return row.reference, False, sign * found.estimate.mean, row.label

    return dataclasses.replace(table, rows=tuple(sorted(table.rows, key=place)))
