"""The leaderboard's sections with the records behind them: all that the report takes from there, in one file."""

from __future__ import annotations

import functools
import json
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bench.leaderboard.board import Leaderboard, Section
from bench.leaderboard.table import Row, Table
from bench.records.labels import arguments_of, labels, method_of
from bench.records.record import BLIND, Record

Kind = str
"""Of a row: "method", "control" or "blind"."""


@dataclass(frozen=True)
class Place:
    """One data set at one preset.

    number: of its anchors in the page. labels: of the methods, by `method_of`.
    """

    number: int
    section: Section
    records: tuple[Record, ...]
    labels: Mapping[Hashable, str]

    def label(self, record: Record) -> str:
        """How the leaderboard names the row that one of these records belongs to."""
        return self._label_of[record.key]

    @functools.cached_property
    def _label_of(self) -> dict[str, str]:
        return {
            record.key: f"{BLIND} ({record.method.arguments.get('kind', record.task)})"
            if record.method.name == BLIND
            else self.labels[method_of(record)]
            for record in self.records
        }

    def kinds(self) -> dict[str, Kind]:
        """What each row stands for, by label."""
        return {row.label: kind_of(row) for table in self.section.tables for row in table.rows}

    def behind(self, table: Table) -> list[Record]:
        """The records of a task's table."""
        return [r for r in self.records if r.task == table.title and r.protocol_hash == table.protocol]


def places(board: Leaderboard) -> list[Place]:
    """The sections of the leaderboard, in its order."""
    groups: dict[Any, list[Record]] = {}
    for record in board.records:
        arguments = json.dumps(record.dataset.arguments, sort_keys=True)
        groups.setdefault((record.dataset.name, arguments, record.preset), []).append(record)
    pairs = zip(board.sections, groups.values(), strict=True)
    return [Place(i, section, tuple(group), _labels(group)) for i, (section, group) in enumerate(pairs)]


def kind_of(row: Row) -> Kind:
    """What a row stands for, as the page says it."""
    if not row.reference:
        return "method"
    return "blind" if row.label.startswith(f"{BLIND} (") else "control"


def _labels(records: Iterable[Record]) -> dict[Hashable, str]:
    return labels({method_of(r): (r.method.name, arguments_of(r)) for r in records if r.method.name != BLIND})
