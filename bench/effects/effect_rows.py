"""From records to effects: of each loss and of what losses do together, of codebook use, and of the base."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from bench.effects.designs import Design, cells, designs, places
from bench.effects.gather import Asked, Gathered, Metrics
from bench.effects.loss_rows import loss_rows
from bench.effects.matched import Matched, matched
from bench.effects.naming import Names
from bench.effects.pair_rows import pair_row
from bench.effects.pool import Poolable, pooled_rows
from bench.effects.rows import Effects, Incomplete
from bench.effects.sources import Sources
from bench.noise.noise import Place
from bench.records.frame import newest
from bench.records.record import Record
from bench.records.store import RecordStore


class _InPlace(NamedTuple):
    place: Place
    asked: list[Asked]
    designs: list[Design]
    matched: list[Matched]


def effects(records: Iterable[Record], store: RecordStore | None = None) -> Effects:
    """All effects that records know of, in a fixed order whatever theirs.

    Args:
        records: of any status; the newest of each cell counts.
        store: holds the per-example scores; without it nothing is known about images.
    """
    sources, metrics = Sources(), Metrics()
    found = []
    for place, group in places(newest(records)):
        of_place = cells(group, sources)
        made = designs(place, of_place, sources)
        found.append(_InPlace(place, metrics.asked(place.task, group), made, matched(place, of_place, made, sources)))
    names = Names(
        [one.place for one in found],
        [design.setting for one in found for design in one.designs],
        [pairs.setting for one in found for pairs in one.matched],
    )
    rows = [row for one in found for row in _rows(one, names, Gathered(store))]
    return Effects(
        tuple(one.row for one in rows),
        tuple(pooled_rows(rows)),
        tuple(_incomplete([design for one in found for design in one.designs if not design.complete], names)),
    )


def _rows(one: _InPlace, names: Names, gathered: Gathered) -> Iterator[Poolable]:
    for design in one.designs:
        both_ends = {frozenset(), frozenset(design.factors)} <= design.rows.keys()
        if design.complete or both_ends:
            yield from _of_design(design, one.asked, names, gathered)
    for pairs in one.matched:
        yield from _of_pairs(pairs, one.asked, names, gathered)


def _of_design(design: Design, asked: Sequence[Asked], names: Names, gathered: Gathered) -> Iterator[Poolable]:
    tables = {losses: gathered.of(rows, asked) for losses, rows in design.rows.items()}
    setting = design.setting
    alike = (setting.guide, setting.others, setting.text_encoder)
    keys = frozenset(record.key for rows in design.rows.values() for record in rows)
    for i, metric in enumerate(asked):
        of_metric = {losses: found[i] for losses, found in tables.items()}
        for row in loss_rows(design, metric, of_metric, names):
            yield Poolable(row, alike, keys)


def _of_pairs(matched: Matched, asked: Sequence[Asked], names: Names, gathered: Gathered) -> Iterator[Poolable]:
    tables = [(gathered.of(with_, asked), gathered.of(without, asked)) for with_, without in matched.pairs]
    setting = matched.setting
    alike = None if matched.kind == "codebook use" else (setting.guide, setting.others, setting.text_encoder)
    keys = frozenset(record.key for pair in matched.pairs for rows in pair for record in rows)
    for i, metric in enumerate(asked):
        of_metric = [(with_[i], without[i]) for with_, without in tables]
        yield Poolable(pair_row(matched, metric, of_metric, names), alike, keys)


def _incomplete(found: Iterable[Design], names: Names) -> list[Incomplete]:
    """One for all tasks in which a design lacks the same."""
    tasks: dict[Incomplete, list[str]] = {}
    for design in found:
        counts = [len({record.seed for record in rows}) for rows in design.rows.values()]
        one = Incomplete(
            title=names.title(design.place),
            design=names.design(design.setting),
            present=len(design.rows),
            subsets=design.subsets,
            missing=tuple(design.missing()),
            ambiguous=design.ambiguous,
            seeds=(min(counts), max(counts)),
            tasks=(),
        )
        tasks.setdefault(one, []).append(design.place.task)
    return [dataclasses.replace(one, tasks=tuple(sorted(of_one))) for one, of_one in tasks.items()]
