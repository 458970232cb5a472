"""Records to leaderboard: a pure function.

The same records give the same leaderboard whatever their order, the machine or the hour: `created` decides no more
than which record is newer, and nothing of `env` is used.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from bench.effects.effect_rows import effects
from bench.effects.rows import Effects
from bench.leaderboard.bases import bases
from bench.leaderboard.rate_table import rate_table
from bench.leaderboard.rates import rate_of
from bench.leaderboard.table import Scope, Table
from bench.leaderboard.tables import cost_table, task_table
from bench.noise.noise import FILE, Noise, read
from bench.records.frame import Texts, newest
from bench.records.labels import arguments_of, labels, method_of, protocol_differences
from bench.records.record import BLIND, Record
from bench.records.store import RecordStore
from bench.system.garbage import uncollected

T = TypeVar("T", bound=Hashable)


@dataclass(frozen=True)
class Section:
    """One data set at one preset.

    images: how many images of each split were used. counts: how many cells are "ok", "skipped" and "failed".
    rates: bits against distortion, where records say both.
    """

    title: str
    dataset: str
    preset: str
    images: Mapping[str, int]
    counts: Mapping[str, int]
    tables: tuple[Table, ...]
    costs: Table
    rates: Table | None


@dataclass(frozen=True)
class Leaderboard:
    """All sections, the records they show (the newest of each cell) in a fixed order, effects, what was no record."""

    sections: tuple[Section, ...]
    records: tuple[Record, ...]
    effects: Effects
    problems: tuple[str, ...] = ()


def render(records: Iterable[Record], store: RecordStore | None = None, problems: Iterable[str] = ()) -> Leaderboard:
    """The leaderboard of these records.

    Args:
        store: holds the per-example scores, and what is known of noise; without it less is known of images.
        problems: a line for each file that is no record.

    Raises:
        RecordError: the file of noises is broken.
    """
    with uncollected():
        counting, texts = newest(records), Texts()
        noises = read(store.root / FILE) if store is not None else []
        sections = _grouped(counting, lambda one: (one.dataset.name, texts(one.dataset.arguments), one.preset))
        titles = labels(
            {place: (f"{group[0].dataset.name}, preset {group[0].preset}", group[0].dataset.arguments)
             for place, group in sections.items()}
        )  # fmt: skip
        return Leaderboard(
            tuple(_section(titles[place], group, store, noises) for place, group in sections.items()),
            tuple(counting),
            effects(counting, store),
            tuple(problems),
        )


def _section(title: str, records: Sequence[Record], store: RecordStore | None, noises: Sequence[Noise]) -> Section:
    texts = Texts()
    method = {id(record): method_of(record, texts) for record in records}
    of_method = _grouped(records, lambda record: method[id(record)])
    first = {row: found[0] for row, found in of_method.items() if found[0].method.name != BLIND}
    methods = labels({row: (record.method.name, arguments_of(record)) for row, record in first.items()})
    controls = {row for row, record in first.items() if record.method.control}
    tasks = _grouped(records, lambda record: record.task)
    splits = sorted({split for record in records for split in record.dataset.used})
    images = {split: max(record.dataset.used.get(split, 0) for record in records) for split in splits}
    rates = {row: rate_of(of_method[row]) for row in methods}
    base = bases(first, controls)
    scope = Scope(lambda record: method[id(record)], methods, controls, base, images, store, rates, noises)
    tables = [table for group in tasks.values() for table in _task_tables(group, scope)]
    return Section(
        title,
        records[0].dataset.name,
        records[0].preset,
        images,
        {status: len(found) for status, found in _grouped(records, lambda record: record.status).items()},
        tuple(tables),
        cost_table(of_method, methods),
        rate_table(tables),
    )


def _task_tables(records: Sequence[Record], section: Scope) -> list[Table]:
    """One a protocol; the first holds most methods, and only that one lists methods that have no record.

    Args:
        records: of one task.
    """
    task = records[0].task
    groups = _grouped(records, lambda record: (record.protocol_hash, record.dataset.fingerprint)).values()
    ordered = sorted(
        groups, key=lambda group: (len({section.method_of(r) for r in group}), _newest(group)), reverse=True
    )
    every = {section.method_of(record) for record in records}
    tables = []
    for group in ordered:
        here = {section.method_of(record): record for record in group}
        blind = {row: f"{BLIND} ({record.method.arguments.get('kind', task)})" for row, record in here.items()}
        rows = {row: label for row, label in section.labels.items() if row in here or group is ordered[0]}
        rows |= {row: label for row, label in blind.items() if row not in section.labels}
        scope = dataclasses.replace(
            section,
            labels=rows,
            references=section.references | (rows.keys() - section.labels.keys()),
            elsewhere=every - here.keys(),
            differs=protocol_differences(ordered[0][0], group[0]),
        )
        tables.append(task_table(task, group, scope))
    return tables


def _grouped(records: Iterable[Record], key: Callable[[Record], T]) -> dict[T, list[Record]]:
    groups: dict[T, list[Record]] = {}
    for record in records:
        groups.setdefault(key(record), []).append(record)
    return groups


def _newest(records: Iterable[Record]) -> datetime:
    return max(datetime.fromisoformat(record.created) for record in records)
