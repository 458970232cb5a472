"""Records to leaderboard: a pure function.

The same records give the same leaderboard whatever their order, the machine or the hour: `created` decides no more
than which record is newer, and nothing of `env` is used.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from bench.experiment.plan import BLIND
from bench.leaderboard import statistics
from bench.leaderboard.tables import Column, Table, cost_table, method_of, task_table
from bench.records.record import Record
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
    unranked: tasks that some competitor skips, so that they cannot be part of a mean over tasks.
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


@dataclass(frozen=True)
class Leaderboard:
    """All sections, and the records they show (the newest of each cell) in a fixed order."""

    sections: tuple[Section, ...]
    records: tuple[Record, ...]


def render(records: Iterable[Record], store: RecordStore | None = None) -> Leaderboard:
    """The leaderboard of these records; `store` holds the per-example scores, without it there are fewer intervals."""
    newest: dict[Any, Record] = {}
    version: dict[Any, int] = {}
    for record in sorted(records, key=lambda record: (_age(record), record.key)):
        cell = _dataset(record), record.preset, record.task, method_of(record), record.seed
        newest[*cell, record.protocol_hash] = record
        version[cell] = max(version.get(cell, 0), _version(record))
    shown = [newest[place] for place in sorted(newest) if _version(newest[place]) == version[place[:-1]]]
    sections = _grouped(shown, lambda record: (_dataset(record), record.preset))
    titles = _labels(
        {place: (f"{group[0].dataset.name}, preset {group[0].preset}", group[0].dataset.arguments)
         for place, group in sections.items()}
    )  # fmt: skip
    return Leaderboard(tuple(_section(titles[place], group, store) for place, group in sections.items()), tuple(shown))


def _section(title: str, records: Sequence[Record], store: RecordStore | None) -> Section:
    methods = _labels({method_of(r): (r.method.name, _arguments(r)) for r in records if r.method.name != BLIND})
    controls = {method_of(record) for record in records if record.method.control}
    tasks = _grouped(records, lambda record: record.task)
    splits = sorted({split for record in records for split in record.dataset.used})
    images = {split: max(record.dataset.used.get(split, 0) for record in records) for split in splits}
    of_tasks = [_task_tables(task, group, methods, controls, images, store) for task, group in tasks.items()]
    unranked = {r.task for r in records if r.status == "skipped" and method_of(r) not in controls}
    ranked = [
        (tables[0], column)
        for tables in of_tasks
        if (column := tables[0].headline) is not None and tables[0].title not in unranked
    ]
    return Section(
        title,
        records[0].dataset.name,
        records[0].preset,
        images,
        tuple((table.title, table.columns[column]) for table, column in ranked),
        tuple(sorted(unranked)),
        tuple(_ranks([methods[m] for m in methods if m not in controls], ranked)),
        tuple(table for tables in of_tasks for table in tables),
        cost_table(records, methods),
    )


def _task_tables(
    task: str,
    records: Sequence[Record],
    methods: Mapping[Hashable, str],
    controls: set[Hashable],
    images: Mapping[str, int],
    store: RecordStore | None,
) -> list[Table]:
    """One table a protocol; the first holds most methods, and only that one lists methods that have no record."""
    groups = _grouped(records, lambda record: (record.protocol_hash, record.dataset.fingerprint)).values()
    ordered = sorted(
        groups, key=lambda group: (len({method_of(r) for r in group}), max(map(_age, group))), reverse=True
    )
    tables = []
    for group in ordered:
        here = {method_of(record) for record in group}
        blind = {method_of(r): f"{BLIND} ({r.method.arguments.get('kind', task)})" for r in group}
        rows = {method: label for method, label in methods.items() if method in here or group is ordered[0]}
        rows |= {method: label for method, label in blind.items() if method not in methods}
        references = controls | (rows.keys() - methods.keys())
        elsewhere = {method_of(record) for record in records} - here
        differs = _differences(ordered[0][0], group[0])
        tables.append(task_table(task, group, rows, references, elsewhere, images, differs, store))
    return tables


def _ranks(labels: Iterable[str], ranked: Sequence[tuple[Table, int]]) -> list[Rank]:
    """Methods by mean rank; those that lack a task stand last, without one."""
    of_label: dict[str, list[float | None]] = {label: [] for label in labels}
    for table, column in ranked:
        rows = [row for row in table.rows if not row.reference]
        values = [None if (found := row.cells[column]) is None else found.estimate.mean for row in rows]
        found_ranks = statistics.ranks(values, bool(table.columns[column].higher_is_better))
        for row, rank in zip(rows, found_ranks, strict=True):
            of_label[row.label].append(rank)
    ranks = [Rank(label, statistics.mean_rank(found), tuple(found)) for label, found in of_label.items()]
    return sorted(ranks, key=lambda rank: (rank.mean is None, rank.mean or 0.0, rank.label))


def _labels(things: Mapping[T, tuple[str, dict[str, Any]]]) -> dict[T, str]:
    """Name each thing; those of one name are told apart by the arguments in which they differ, set ones if they do."""
    labels = {}
    for thing, (name, arguments) in things.items():
        same = [others for other, others in things.values() if other == name]
        keys = sorted({key for others in same for key in others})
        differing = [key for key in keys if len({_text(others.get(key)) for others in same}) > 1]
        brief = [_shown(others, [key for key in differing if others.get(key) is not None]) for others in same]
        own = _shown(arguments, [key for key in differing if arguments.get(key) is not None])
        shown = own if len(set(brief)) == len(same) else _shown(arguments, differing)
        labels[thing] = f"{name} ({shown})" if shown else name
    return labels


def _shown(arguments: Mapping[str, Any], keys: Iterable[str]) -> str:
    return ", ".join(f"{key}={_text(arguments.get(key))}" for key in keys)


def _differences(first: Record, other: Record) -> list[str]:
    """In what the protocol of `other` is unlike that of `first`."""
    one = first.protocol | {"data set fingerprint": first.dataset.fingerprint}
    two = other.protocol | {"data set fingerprint": other.dataset.fingerprint}
    keys = sorted(key for key in {*one, *two} if _text(one.get(key)) != _text(two.get(key)))
    return [f"{key}: {_text(two.get(key))}, not {_text(one.get(key))}" for key in keys]


def _version(record: Record) -> int:
    """Of the task's protocol. A newer one replaces an older; others of the same version stand side by side."""
    found = record.protocol.get("version", 0)
    return found if isinstance(found, int) else 0


def _grouped(records: Iterable[Record], key: Callable[[Record], T]) -> dict[T, list[Record]]:
    groups: dict[T, list[Record]] = {}
    for record in records:
        groups.setdefault(key(record), []).append(record)
    return groups


def _dataset(record: Record) -> tuple[str, str]:
    return record.dataset.name, _text(record.dataset.arguments)


def _arguments(record: Record) -> dict[str, Any]:
    return record.method.arguments | {"text_encoder": record.text_encoder}


def _age(record: Record) -> datetime:
    return datetime.fromisoformat(record.created)


def _text(value: object) -> str:
    """A string as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
