"""Records to leaderboard: a pure function.

The same records give the same leaderboard whatever their order, the machine or the hour: `created` decides no more
than which record is newer, and nothing of `env` is used.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from bench.leaderboard import statistics
from bench.leaderboard.labels import labels, protocol_differences
from bench.leaderboard.rate_table import rate_table
from bench.leaderboard.rates import apart, classes, rate_of
from bench.leaderboard.tables import Column, Scope, Table, cost_table, method_of, task_table
from bench.noise.noise import FILE, Noise, read
from bench.records.frame import newest
from bench.records.record import BLIND, Record
from bench.records.store import RecordStore

T = TypeVar("T", bound=Hashable)


@dataclass(frozen=True)
class Rank:
    """A method's rank in each task by that task's headline metric; mean is None unless it has a rank in all."""

    label: str
    mean: float | None
    of_tasks: tuple[float | None, ...]


@dataclass(frozen=True)
class Section:
    """One data set at one preset.

    images: how many images of each split were used. ranked_by: each task with the metric that its ranks come from.
    unranked: tasks that some competitor skips, so that they cannot be part of a mean over tasks. apart: which methods
    are not ranked, since they spend other bits an image. rates: bits against distortion, where records say both.
    """

    title: str
    dataset: str
    preset: str
    images: Mapping[str, int]
    ranked_by: tuple[tuple[str, Column], ...]
    unranked: tuple[str, ...]
    ranks: tuple[Rank, ...]
    tables: tuple[Table, ...]
    costs: Table
    apart: str
    rates: Table | None


@dataclass(frozen=True)
class Leaderboard:
    """All sections, and the records they show (the newest of each cell) in a fixed order."""

    sections: tuple[Section, ...]
    records: tuple[Record, ...]


def render(records: Iterable[Record], store: RecordStore | None = None) -> Leaderboard:
    """The leaderboard of these records.

    Args:
        store: holds the per-example scores, and what is known of noise; without it there are fewer intervals.

    Raises:
        RecordError: the file of noises is broken.
    """
    counting = newest(records)
    noises = read(store.root / FILE) if store is not None else []
    sections = _grouped(counting, lambda record: (_dataset(record), record.preset))
    titles = labels(
        {place: (f"{group[0].dataset.name}, preset {group[0].preset}", group[0].dataset.arguments)
         for place, group in sections.items()}
    )  # fmt: skip
    return Leaderboard(
        tuple(_section(titles[place], group, store, noises) for place, group in sections.items()), tuple(counting)
    )


def _section(title: str, records: Sequence[Record], store: RecordStore | None, noises: Sequence[Noise]) -> Section:
    methods = labels({method_of(r): (r.method.name, _arguments(r)) for r in records if r.method.name != BLIND})
    controls = {method_of(record) for record in records if record.method.control}
    tasks = _grouped(records, lambda record: record.task)
    splits = sorted({split for record in records for split in record.dataset.used})
    images = {split: max(record.dataset.used.get(split, 0) for record in records) for split in splits}
    rates = {method: rate_of(r for r in records if method_of(r) == method) for method in methods}
    scope = Scope(methods, controls, images, store, rates, noises)
    of_tasks = [_task_tables(task, group, scope) for task, group in tasks.items()]
    unranked = {r.task for r in records if r.status == "skipped" and method_of(r) not in controls}
    ranked = [
        (tables[0], column)
        for tables in of_tasks
        if (column := tables[0].headline) is not None and tables[0].title not in unranked
    ]
    equal = classes({method: rates[method] for method in methods if method not in controls})
    return Section(
        title,
        records[0].dataset.name,
        records[0].preset,
        images,
        tuple((table.title, table.columns[column]) for table, column in ranked),
        tuple(sorted(unranked)),
        tuple(_ranks([methods[m] for m in (equal[0] if equal else [])], ranked)),
        tuple(table for tables in of_tasks for table in tables),
        cost_table(records, methods),
        apart([(methods[method], rates[method]) for of_class in equal for method in of_class]),
        rate_table([table for tables in of_tasks for table in tables]),
    )


def _task_tables(task: str, records: Sequence[Record], section: Scope) -> list[Table]:
    """One table a protocol; the first holds most methods, and only that one lists methods that have no record."""
    groups = _grouped(records, lambda record: (record.protocol_hash, record.dataset.fingerprint)).values()
    ordered = sorted(groups, key=lambda group: (len({method_of(r) for r in group}), _newest(group)), reverse=True)
    tables = []
    for group in ordered:
        here = {method_of(record) for record in group}
        blind = {method_of(r): f"{BLIND} ({r.method.arguments.get('kind', task)})" for r in group}
        rows = {method: label for method, label in section.labels.items() if method in here or group is ordered[0]}
        rows |= {method: label for method, label in blind.items() if method not in section.labels}
        scope = dataclasses.replace(
            section,
            labels=rows,
            references=section.references | (rows.keys() - section.labels.keys()),
            elsewhere={method_of(record) for record in records} - here,
            differs=protocol_differences(ordered[0][0], group[0]),
        )
        tables.append(task_table(task, group, scope))
    return tables


def _ranks(methods: Sequence[str], ranked: Sequence[tuple[Table, int]]) -> list[Rank]:
    """Methods by mean rank; those that lack a task stand last, without one.

    Args:
        methods: the labels of those that compete.
        ranked: each task's table and the column that decides.
    """
    import pandas as pd

    values = {table.title: _means(table, column) for table, column in ranked}
    directions = [bool(table.columns[column].higher_is_better) for table, column in ranked]
    ranks = statistics.ranks(pd.DataFrame(values, index=list(methods), dtype=float), directions)
    means = map(_or_none, statistics.mean_rank(ranks))
    of_tasks = (tuple(map(_or_none, row)) for row in ranks.itertuples(index=False))
    listed = [Rank(*fields) for fields in zip(methods, means, of_tasks, strict=True)]
    return sorted(listed, key=lambda rank: (rank.mean is None, rank.mean or 0.0, rank.label))


def _means(table: Table, column: int) -> dict[str, float]:
    """Label to value of the methods that compete and have one."""
    competing = [(row.label, row.values[column]) for row in table.rows if not row.reference]
    return {label: value.estimate.mean for label, value in competing if value is not None}


def _or_none(number: float) -> float | None:
    """JSON has no NaN."""
    return None if math.isnan(number) else float(number)


def _grouped(records: Iterable[Record], key: Callable[[Record], T]) -> dict[T, list[Record]]:
    groups: dict[T, list[Record]] = {}
    for record in records:
        groups.setdefault(key(record), []).append(record)
    return groups


def _newest(records: Iterable[Record]) -> datetime:
    return max(datetime.fromisoformat(record.created) for record in records)


def _dataset(record: Record) -> tuple[str, str]:
    return record.dataset.name, json.dumps(record.dataset.arguments, sort_keys=True)


def _arguments(record: Record) -> dict[str, Any]:
    return record.method.arguments | {"text_encoder": record.text_encoder}
