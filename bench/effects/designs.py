"""Which records are a design: the same training with and without something, everything else being equal."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from bench.effects.pairs import Pairs
from bench.effects.settings import Setting, setting_of
from bench.effects.sources import Sources
from bench.noise.estimate import place_of
from bench.noise.noise import Place
from bench.records.frame import Texts
from bench.records.record import BLIND, Record

MOST_LOSSES = 6
"""More have more subsets than anybody trains."""

Rows: TypeAlias = tuple[Record, ...]
"""Successful records of one setting, one a pair of seeds."""
Losses: TypeAlias = frozenset[str]


@dataclass(frozen=True)
class Design:
    """One base, alone and with subsets of a guide's losses around it.

    setting: what all have in common, without losses. factors: the guide's losses, in its order. rows: of each subset
    that is recorded; the empty one is the base alone. ambiguous: how many rows may be the base alone, where it cannot
    be told which is: its source is not at hand.
    """

    place: Place
    setting: Setting
    factors: tuple[str, ...]
    rows: Mapping[Losses, Rows]
    ambiguous: int = 0

    @property
    def subsets(self) -> int:
        """How many a complete design has."""
        return 2 ** len(self.factors)

    @property
    def complete(self) -> bool:
        """Whether all subsets of few enough losses are recorded."""
        return len(self.factors) <= MOST_LOSSES and len(self.rows) == self.subsets

    def missing(self) -> list[tuple[str, ...]]:
        """Subsets without a record, small ones first; none are listed of too many losses."""
        if len(self.factors) > MOST_LOSSES:
            return []
        every = itertools.chain.from_iterable(
            itertools.combinations(self.factors, size) for size in range(len(self.factors) + 1)
        )
        return [subset for subset in every if frozenset(subset) not in self.rows]


@dataclass(frozen=True)
class Cell:
    """One setting of a base within one guide, and its rows."""

    setting: Setting
    rows: Rows


def places(records: Iterable[Record]) -> list[tuple[Place, list[Record]]]:
    """Successful records of methods by what they are compared within, sorted."""
    texts, groups = Texts(), dict[tuple[str, ...], list[Record]]()
    for record in records:
        if record.status == "ok" and record.kind == "run" and record.method.name != BLIND:
            data = record.dataset
            key = (data.name, texts(data.arguments), data.fingerprint)
            groups.setdefault((*key, record.preset, record.task, record.protocol_hash), []).append(record)
    return [(place_of(group[0]), group) for _, group in sorted(groups.items())]


def cells(records: Iterable[Record], sources: Sources) -> list[Cell]:
    """The settings of one place's records, sorted; of two records with equal seeds the newer counts."""
    texts = Texts()
    known: dict[Hashable, Setting] = {}
    found: dict[Setting, dict[tuple[int, int], Record]] = {}
    for record in sorted(records, key=lambda record: (datetime.fromisoformat(record.created), record.key)):
        method = (record.method.name, texts(record.method.arguments), record.text_encoder)
        if method not in known:
            known[method] = setting_of(record, sources)
        found.setdefault(known[method], {})[record.seed, record.fit_seed] = record
    ordered = sorted(found.items(), key=lambda item: _order(item[0]))
    return [Cell(setting, tuple(row for _, row in sorted(rows.items()))) for setting, rows in ordered]


def designs(place: Place, found: Sequence[Cell], sources: Sources) -> list[Design]:
    """The designs of one place, complete or not: one for each setting of a base with some guide around it."""
    alone = _Alone(found, sources)
    groups: dict[Setting, dict[Losses, Rows]] = {}
    for cell in found:
        if cell.setting.guide is not None:
            without = cell.setting._replace(losses=frozenset())
            groups.setdefault(without, {})[cell.setting.losses] = cell.rows
    made = []
    for setting, rows in groups.items():
        factors = sources.losses(setting.guide or "") or tuple(sorted(frozenset().union(*rows)))
        rows = {losses: of_losses for losses, of_losses in rows.items() if losses <= set(factors)}
        bases = alone.of(setting)
        if len(bases) == 1:
            rows[frozenset()] = bases[0].rows
        if rows:
            made.append(Design(place, setting, factors, rows, len(bases) if len(bases) > 1 else 0))
    return made


class _Alone:
    """Bases alone, looked up by what a guide passes on to them."""

    def __init__(self, found: Iterable[Cell], sources: Sources) -> None:
        self._sources = sources
        self._exact: dict[tuple[str, Pairs, str | None], Cell] = {}
        self._of_name: dict[str, list[Cell]] = {}
        self._shared: dict[tuple[str, frozenset[str]], dict[frozenset[str], dict[Pairs, list[Cell]]]] = {}
        for cell in found:
            if cell.setting.guide is None:
                self._exact[cell.setting.base, cell.setting.base_arguments, cell.setting.text_encoder] = cell
                self._of_name.setdefault(cell.setting.base, []).append(cell)

    def of(self, setting: Setting) -> list[Cell]:
        """The cells that may be the base of a setting alone: one, unless the base is not known to this installation.

        Of such a base nothing is known but what it was given, as far as it has such an argument, so several may fit.
        """
        encoders = (None, setting.text_encoder)
        for encoder in encoders:
            cell = self._exact.get((setting.base, setting.base_arguments, encoder))
            if cell is not None:
                return [cell]
        if self._sources.defaults(setting.base) is not None:
            return []
        fitting: list[Cell] = []
        for names, index in self._by_shared(setting.base, frozenset(name for name, _ in setting.base_arguments)):
            fitting += index.get(tuple(pair for pair in setting.base_arguments if pair[0] in names), [])
        return [cell for cell in fitting if cell.setting.text_encoder in encoders]

    def _by_shared(self, base: str, given: frozenset[str]) -> Iterable[tuple[frozenset[str], dict[Pairs, list[Cell]]]]:
        """Cells of a base by the arguments that they share with what was given; made once, for there are few such."""
        if (base, given) not in self._shared:
            made = self._shared[base, given] = {}
            for cell in self._of_name.get(base, ()):
                shared = tuple(pair for pair in cell.setting.base_arguments if pair[0] in given)
                made.setdefault(frozenset(name for name, _ in shared), {}).setdefault(shared, []).append(cell)
        return self._shared[base, given].items()


def _order(setting: Setting) -> tuple[object, ...]:
    """A base's defaults before all else that it was given."""
    arguments = (setting.base_arguments, setting.others, sorted(setting.losses))
    return (setting.base, setting.guide or "", setting.text_encoder or "", *arguments)
