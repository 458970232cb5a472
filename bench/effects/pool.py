"""One effect over several bases and data sets."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import NamedTuple

from bench.effects.rows import PooledRow, Row
from bench.leaderboard.statistics.pooling import pooled


class Poolable(NamedTuple):
    """A row, what else besides its own fields has to be equal in a pool, and the keys of the records behind it."""

    row: Row
    alike: Hashable
    keys: frozenset[str]


def pooled_rows(rows: Iterable[Poolable]) -> list[PooledRow]:
    """Rows of the same effect on the same metric under the same protocol, where there are two or more.

    A row that shares a training with an earlier one is left out: its effect is no other piece of evidence. Rows of one
    data set share test images, which is not taken account of: what such a pool says is about these images.
    """
    groups: dict[Hashable, list[Poolable]] = {}
    for one in rows:
        row, place = one.row, one.row.place
        key = (row.kind, row.change, row.against, row.metric.name, place.task, place.preset, place.protocol_hash)
        if row.effect is not None and row.effect.error > 0:
            groups.setdefault((key, one.alike), []).append(one)
    return [
        PooledRow(found, pooled([row.effect for row in found if row.effect is not None]))
        for group in groups.values()
        if len(found := _apart(group)) > 1
    ]


def _apart(group: Iterable[Poolable]) -> tuple[Row, ...]:
    taken: set[str] = set()
    found = []
    for one in group:
        if not one.keys & taken:
            taken |= one.keys
            found.append(one.row)
    return tuple(found)
