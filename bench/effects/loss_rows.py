"""The effects of a guide's losses on one metric, from all trainings of a design."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from bench.effects.designs import Design, Losses
from bench.effects.gather import Asked
from bench.effects.naming import Names, counted, short
from bench.effects.rows import Kind, Row
from bench.statistics import factorial
from bench.statistics.effect import Effect
from bench.statistics.holm import holm
from bench.statistics.trainings import Trainings

_Found: TypeAlias = tuple[Effect | None, float | None]
"""An effect and its p."""

TIMES = " × "


def loss_rows(design: Design, metric: Asked, tables: Mapping[Losses, Trainings | None], names: Names) -> list[Row]:
    """All losses against none, single losses, and what they do together beyond their sum.

    The last two need a complete design. p is adjusted over the single losses, and apart from them over the others.

    Args:
        tables: of each subset of losses, None where the metric is not measured.
    """
    every, none = frozenset(design.factors), frozenset[str]()
    having = {losses: table for losses, table in tables.items() if table is not None}

    def row(kind: Kind, change: str, with_: Iterable[Losses], without: Iterable[Losses], found: _Found) -> Row:
        sides = [[having[losses] for losses in side if losses in having] for side in (with_, without)]
        counts = trainings(sides[0]), trainings(sides[1])
        return Row(
            place=design.place,
            title=names.title(design.place),
            kind=kind,
            design=names.design(design.setting),
            change=short(change),
            against="",
            metric=metric,
            effect=found[0],
            p=found[1],
            with_=counts[0],
            without=counts[1],
            pairs=len(sides[0]),
            why="" if found[0] is not None else why(tables.values(), *counts),
        )

    made = []
    if every in tables and none in tables:
        with_, without = ([having[end]] if end in having else [] for end in (every, none))
        effect = contrast(with_, without, [table for losses, table in having.items() if losses not in (every, none)])
        change = " + ".join(design.factors)
        made.append(row("all losses", change, [every], [none], (effect, None if effect is None else effect.p())))
    if design.complete:
        for part, found in _factorial(design, having).items():
            kind: Kind = "loss" if len(part) == 1 else "interaction"
            change = TIMES.join(name for name in design.factors if name in part)
            sides = [s for s in tables if s >= part], [s for s in tables if not s >= part]
            made.append(row(kind, change, sides[0], sides[1], found))
    return made


def _factorial(design: Design, having: Mapping[Losses, Trainings]) -> dict[Losses, _Found]:
    """All effects with their adjusted p; single losses without an effect where nothing can be told."""
    effects = factorial.effects(having, design.factors) if len(having) == design.subsets else None
    if not effects:
        return {frozenset([name]): (None, None) for name in design.factors}
    p = {parts: effect.p() for parts, effect in effects.items()}
    adjusted: dict[tuple[str, ...], float] = {}
    for single in (True, False):
        adjusted |= holm({parts: value for parts, value in p.items() if (len(parts) == 1) == single})
    return {frozenset(parts): (effects[parts], adjusted[parts]) for parts in effects}


def contrast(with_: Sequence[Trainings], without: Sequence[Trainings], others: Iterable[Trainings]) -> Effect | None:
    """The mean of some less that of as many others; None unless there are two trainings on either side.

    One training on a side might be like any other of it or not: that the other side's trainings are alike does not say.

    Args:
        others: of the same design, which say too how much trainings differ.
    """
    if not with_ or min(trainings(with_), trainings(without)) < 2:
        return None
    tables = [*with_, *without, *others]
    weights = [1 / len(with_)] * len(with_) + [-1 / len(without)] * len(without)
    return factorial.contrast(tables, weights + [0.0] * (len(tables) - len(weights)))


def trainings(tables: Iterable[Trainings]) -> int:
    """How many there are in all."""
    return sum(len(table.seeds) for table in tables)


def why(tables: Iterable[Trainings | None], with_: int, without: int) -> str:
    """Why nothing can be told from these."""
    if any(table is None for table in tables):
        return "not all have it measured"
    return f"{counted(with_)} with and {without} without are too few to know how much another may differ"
