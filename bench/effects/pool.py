"""One effect over several bases and data sets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import NamedTuple

from bench.effects.rows import PooledRow, Row
from bench.statistics.holm import holm
from bench.statistics.pooling import Pooled, pooled

ADJUSTED = ("loss", "interaction")
"""Kinds of effects that are asked about several at once."""


class Poolable(NamedTuple):
    """A row, what else besides its own fields has to be equal in a pool, and the keys of the records behind it."""

    row: Row
    alike: Hashable
    keys: frozenset[str]


class _Key(NamedTuple):
    """What is equal in a pool: first what effects have in common whose p are adjusted together."""

    family: Hashable
    change: str
    against: str


def pooled_rows(rows: Iterable[Poolable]) -> list[PooledRow]:
    """Rows of the same effect on the same metric, where there are two or more.

    Of each data set only one protocol is taken, that of most rows: two ways to measure the same trainings are no two
    settings. Those of two data sets may differ, since they name what the data bring along, such as their words. A row
    that shares a training with an earlier one is left out: its effect is no other piece of evidence. Rows of one data
    set share test images, which is not taken account of: what such a pool says is about these images.
    """
    groups: dict[_Key, list[Poolable]] = {}
    for one in rows:
        row, place = one.row, one.row.place
        family = (row.kind, row.metric.name, place.task, place.preset, one.alike)
        if row.effect is not None and row.effect.error > 0:
            groups.setdefault(_Key(family, row.change, row.against), []).append(one)
    several = {key: found for key, group in groups.items() if len(found := _apart(_one_protocol(group))) > 1}
    means = {key: pooled([row.effect for row in found if row.effect is not None]) for key, found in several.items()}
    p = _adjusted(means, {key for key, found in several.items() if found[0].kind in ADJUSTED})
    return [PooledRow(found, means[key], p[key]) for key, found in several.items()]


def _adjusted(means: Mapping[_Key, Pooled], keys: Iterable[_Key]) -> dict[_Key, float]:
    """p of each, adjusted within each family of the keys given."""
    p = {key: mean.effect.p() for key, mean in means.items()}
    families: dict[Hashable, dict[_Key, float]] = {}
    for key in keys:
        families.setdefault(key.family, {})[key] = p[key]
    for family in families.values():
        p |= holm(family)
    return p


def _one_protocol(group: Sequence[Poolable]) -> list[Poolable]:
    """Those of each data set's most frequent protocol, of equally frequent ones the first by name."""
    counts = Counter((one.row.place.dataset, one.row.place.protocol_hash) for one in group)
    kept: dict[str, str] = {}
    for data, protocol in sorted(counts, key=lambda key: (-counts[key], key)):
        kept.setdefault(data, protocol)
    return [one for one in group if kept[one.row.place.dataset] == one.row.place.protocol_hash]


def _apart(group: Iterable[Poolable]) -> tuple[Row, ...]:
    taken: set[str] = set()
    found = []
    for one in group:
        if not one.keys & taken:
            taken |= one.keys
            found.append(one.row)
    return tuple(found)
