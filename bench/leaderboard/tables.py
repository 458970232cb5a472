"""One table of the leaderboard: methods by metrics for one task under one protocol, or methods by costs."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING

from bench import registry
from bench.contracts.metric import MetricName
from bench.errors import RecordError
from bench.leaderboard.comparison import Standing, TableValue, against, compare, plain, table_value
from bench.leaderboard.notes import far_from_controls, notes
from bench.leaderboard.rates import classes
from bench.leaderboard.table import Column, Row, Scope, Table
from bench.noise.estimate import place_of
from bench.records.frame import mean_costs
from bench.records.record import Measured, Record
from bench.records.store import RecordStore
from bench.statistics.trainings import Trainings, needed, trainings_of

if TYPE_CHECKING:
    import numpy as np

TRAIN_SECONDS = "train_s"
"""The cost that stands in a task's table."""


def task_table(task: str, records: Sequence[Record], scope: Scope) -> Table:
    """The table of one task from records of any status under one protocol, the newest of each pair of seeds.

    Methods are compared by the headline metric alone, over trainings and images; all other values have an interval of
    their own.
    """
    of_method: dict[Hashable, list[Record]] = {method: [] for method in scope.labels}
    for record in records:
        of_method[scope.method_of(record)].append(record)
    ok = {method: [record for record in found if record.status == "ok"] for method, found in of_method.items()}
    columns = columns_of(task, records)
    headline = next((column for column in columns if column.higher_is_better is not None), None)
    scores, unreadable = _scores([record for found in ok.values() for record in found], headline, scope.store)
    tables: dict[Hashable, Trainings | None] = {
        method: None if headline is None else trainings_of(found, headline.name, scores) for method, found in ok.items()
    }
    standings = _standings(tables, headline, scope)
    controls = [ok[method] for method in of_method if method in scope.references]
    rows = []
    for method, found in of_method.items():
        values = [
            table_value(tables[method] if column is headline else trainings_of(ok[method], column.name, {}))
            for column in columns
        ]
        standing = standings.get(method, Standing(False, None))
        base = scope.bases.get(method)
        competes = method not in scope.references
        far = far_from_controls(ok[method], controls) if competes else []
        rows.append(
            Row(
                scope.labels[method],
                not competes,
                tuple(_marked(value, standing) if column is headline else value
                      for column, value in zip(columns, values, strict=True)),
                (*notes(found, method in scope.elsewhere, scope.images, unreadable), *far),
                scope.rates.get(method),
                None if base is None else scope.labels.get(base),
                None if base is None else against(tables[method], tables.get(base)),
                standing.rank,
                _mean([record.cost[TRAIN_SECONDS] for record in ok[method] if TRAIN_SECONDS in record.cost]),
            )
        )  # fmt: skip
    unmeasured = sorted({f"{name} ({why})" for record in records for name, why in record.skipped.items()})
    protocol = records[0].protocol_hash
    table = Table(task, protocol, tuple(scope.differs), tuple(columns), _sorted(rows, columns), tuple(unmeasured))
    name, place = headline and headline.name, place_of(records[0])
    noises = (noise for noise in scope.noises if noise.metric == name and noise.place == place)
    return dataclasses.replace(table, noise=next(noises, None))


def cost_table(methods: Mapping[Hashable, Sequence[Record]], labels: Mapping[Hashable, str]) -> Table:
    """What methods cost: the mean over a method's successful records that state a cost.

    Args:
        methods: the records of each row. labels: of the rows to show.
    """
    spent = {row: mean_costs(one for one in methods[row] if one.status == "ok") for row in labels}
    names = sorted({name for costs in spent.values() for name in costs})
    rows = []
    for row in sorted(labels, key=lambda row: labels[row]):
        means = [spent[row].get(name) for name in names]
        rows.append(Row(labels[row], False, tuple(None if one is None else plain(one.mean) for one in means)))
    return Table("cost", "", (), tuple(Column(name, None, "") for name in names), tuple(rows))


def columns_of(task: str, records: Sequence[Record]) -> list[Column]:
    """Main metrics in the order the task declares them, then their variants ("accuracy/color", "psnr@novel-pairs").

    A control of a metric ("accuracy@no-image") has no direction: nobody is better for having more of it.
    """
    declared = registry.metric_names(task)
    measured: dict[str, Measured] = {}
    for record in records:
        measured |= record.metrics

    def place(text: str) -> tuple[list[str | int], int, str]:
        name = MetricName.parse(text, declared)
        words = re.split(r"(\d+)", str(name._replace(metric="", source="")))
        variant = [int(word) if number % 2 else word for number, word in enumerate(words)]  # 8 px before 12 px
        return variant, declared.index(name.metric) if name.metric in declared else len(declared), text

    return [Column(n, _direction(n, measured[n]), measured[n].unit) for n in sorted(measured, key=place)]


def _direction(name: str, measured: Measured) -> bool | None:
    return None if MetricName.parse(name).control else measured.higher_is_better


def _standings(
    tables: Mapping[Hashable, Trainings | None], headline: Column | None, scope: Scope
) -> dict[Hashable, Standing]:
    """How methods of equal bits stand among each other."""
    if headline is None:
        return {}
    found = {method: one for method, one in tables.items() if one is not None and method not in scope.references}
    standings: dict[Hashable, Standing] = {}
    for members in classes({method: scope.rates.get(method) for method in found}):
        of_class = compare([found[method] for method in members], bool(headline.higher_is_better))
        standings |= dict(zip(members, of_class, strict=True))
    return standings


def _marked(value: TableValue | None, standing: Standing) -> TableValue | None:
    return value if value is None else dataclasses.replace(value, best=standing.best)


def _scores(
    records: Sequence[Record], headline: Column | None, store: RecordStore | None
) -> tuple[dict[str, dict[str, np.ndarray]], set[str]]:
    """Per-example scores of the headline metric by key, and the keys of records whose scores cannot be read."""
    scores: dict[str, dict[str, np.ndarray]] = {}
    unreadable: set[str] = set()
    if store is None or headline is None:
        return scores, unreadable
    for record in records:
        names = needed(record, headline.name)
        try:
            scores[record.key] = store.scores(record, names) if names else {}
        except RecordError:
            unreadable.add(record.key)
    return scores, unreadable


def _mean(values: Sequence[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None


def _sorted(rows: Sequence[Row], columns: Sequence[Column]) -> tuple[Row, ...]:
    """Best first among equal bits; references after methods, and rows without a value after those with one."""
    headline = next((i for i, column in enumerate(columns) if column.higher_is_better is not None), None)
    competing = {row.label: row.rate for row in rows if not row.reference}
    class_of = {label: number for number, members in enumerate(classes(competing)) for label in members}

    def place(row: Row) -> tuple[bool, int, bool, float, str]:
        value = None if headline is None else row.values[headline]
        rank = class_of.get(row.label, 0)
        if headline is None or value is None:
            return row.reference, rank, True, 0.0, row.label
        sign = -1 if columns[headline].higher_is_better else 1
        return row.reference, rank, False, sign * value.mean, row.label

    return tuple(sorted(rows, key=place))
