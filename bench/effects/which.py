"""Which rows of the leaderboard are meant by a name."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable, Mapping
from typing import NamedTuple, TypeAlias

from bench.errors import UsageError, did_you_mean
from bench.records.labels import arguments_of, labels, method_of
from bench.records.record import BLIND, Record
from bench.system.terminal import one_line

Section: TypeAlias = Hashable


class Chosen(NamedTuple):
    """row: see `method_of`. label: as the leaderboard shows it."""

    row: Hashable
    label: str


def section_of(record: Record) -> Section:
    """Data set and preset, within which labels tell rows apart."""
    return record.dataset.name, json.dumps(record.dataset.arguments, sort_keys=True), record.preset


def choose(records: Iterable[Record], name: str, task: str) -> dict[Section, Chosen]:
    """The row that a name means in each section: a label, or a method's name where one row of the task has it.

    Args:
        records: all that count, of any task: labels tell rows of all tasks apart.

    Raises:
        UsageError: there is none, with the nearest name; or a method's name means several rows.
    """
    sections: dict[Section, dict[Hashable, Record]] = {}
    asked: set[tuple[Section, Hashable]] = set()
    for record in records:
        if record.method.name != BLIND:
            section, row = section_of(record), method_of(record)
            sections.setdefault(section, {})[row] = record
            if record.task == task and record.status == "ok":
                asked.add((section, row))
    found: dict[Section, Chosen] = {}
    known: set[str] = set()
    for section, rows in sections.items():
        shown = labels({row: (record.method.name, arguments_of(record)) for row, record in rows.items()})
        of_task = {row: label for row, label in shown.items() if (section, row) in asked}
        meant = _meant(name, of_task, rows)
        if len(meant) > 1:
            raise UsageError(f"{name!r} means several rows: {'; '.join(sorted(chosen.label for chosen in meant))}")
        if meant:
            found[section] = meant[0]
        known |= {*of_task.values(), *(rows[row].method.name for row in of_task)}
    if not found:
        hint = did_you_mean(name, sorted(known)) if known else "; no method has any"
        raise UsageError(f"no record of {task} by {name!r}{hint}")
    return found


def _meant(name: str, labels_of: Mapping[Hashable, str], rows: Mapping[Hashable, Record]) -> list[Chosen]:
    exact = [Chosen(row, label) for row, label in labels_of.items() if name in (label, one_line(label))]
    return exact or [Chosen(row, label) for row, label in labels_of.items() if rows[row].method.name == name]
