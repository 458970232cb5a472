"""Whether a task can tell codebooks apart: rows of which one knows beforehand how they must come out."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Literal

from bench.effects.naming import few, listed
from bench.leaderboard.comparison import TableValue
from bench.leaderboard.table import Row, Table
from bench.noise.report import number
from bench.records.record import BLIND

METHODS = "methods"
TOP = "identity"
RUNGS: dict[str, Callable[[Row], bool]] = {
    BLIND: lambda row: row.reference and row.label.startswith(f"{BLIND} ("),
    "untrained": lambda row: row.reference and row.label == "untrained",
    METHODS: lambda row: not row.reference and not any("warning: " in note for note in row.notes),
    TOP: lambda row: row.reference and row.label == TOP,
}
"""From worst to best: no codes; codes of which nothing is learnt; learnt codes, unless an alarm went off in their
training; nothing quantized. `random-codebook` has no place: whether it is below what is learnt is what one asks."""


Trouble = Literal["out of order", "some at the top", "all at the top"]


def ladder(table: Table) -> str | None:
    """A sentence that says whether a table's headline metric has the rungs in order, with the figures.

    A step counts where it is larger than twice the standard deviation of one value, if that is known.

    Returns:
        None where there are no two rungs to compare.
    """
    rungs, low = _rungs(table), missteps(table)
    if low is None:
        return None
    margin = _margin(table)
    by = f"by more than {number(margin)}, twice the noise" if margin else "(the noise is not known)"
    figures = ", ".join(_shown(name, list(values.values())) for name, values in rungs.items())
    outcome = f"is not in this order {by}: {'; '.join(_told(low))}" if low else f"is in this order {by}"
    return f"From worst to best, {_headline(table)} should be {figures}; it {outcome}."


def missteps(table: Table) -> list[tuple[str, str]] | None:
    """Pairs of which the second is on the next rung and no better; None where there are no two rungs to compare."""
    rungs = _rungs(table)
    if table.headline is None or len(rungs) < 2:
        return None
    sign = 1 if table.columns[table.headline].higher_is_better else -1
    margin = _margin(table)
    return [
        (worse, better)
        for (_, below), (_, above) in itertools.pairwise(rungs.items())
        for worse, value in below.items()
        for better, other in above.items()
        if sign * (other - value) <= margin
    ]


def _told(steps: Sequence[tuple[str, str]]) -> Iterator[str]:
    """A method is on one side of every step and there may be dozens: all that meet the same row are said together."""
    low: dict[str, list[str]] = {}
    for worse, better in steps:
        if better != TOP:
            low.setdefault(worse, []).append(better)
    for worse, names in low.items():
        yield f"{listed(few(names))} {'is' if len(names) == 1 else 'are'} no better than {worse}"
    if high := [worse for worse, better in steps if better == TOP]:
        yield f"{TOP} is no better than {listed(few(high))}"


def trouble(table: Table) -> Trouble | None:
    """What a table that has not all rungs in order can still tell; None where they are in order, or fewer than two.

    A method that comes as near to `identity` as noise reaches has lost nothing that the task sees. That is no fault of
    the task's, which may well tell other methods apart; a method that is better than `identity` is one.
    """
    if table.headline is None or not missteps(table):
        return None
    sign, margin = 1 if table.columns[table.headline].higher_is_better else -1, _margin(table)
    rungs = _rungs(table)
    others = replace(table, rows=tuple(row for row in table.rows if not RUNGS[TOP](row)))
    ahead = [sign * (top - value) for top in rungs.get(TOP, {}).values() for value in rungs.get(METHODS, {}).values()]
    if not ahead or min(ahead) < -margin or missteps(others):
        return "out of order"
    return "all at the top" if max(ahead) <= margin else "some at the top"


def _rungs(table: Table) -> dict[str, dict[str, float]]:
    """The rungs that have a value: label to value."""
    if table.headline is None:
        return {}
    rungs = {name: _values(table.rows, belongs, table.headline) for name, belongs in RUNGS.items()}
    return {name: values for name, values in rungs.items() if values}


def _margin(table: Table) -> float:
    return 0.0 if table.noise is None or table.noise.total is None else 2 * table.noise.total


def _headline(table: Table) -> str:
    return "" if table.headline is None else table.columns[table.headline].name


def _values(rows: Sequence[Row], belongs: Callable[[Row], bool], column: int) -> dict[str, float]:
    """Label to value of the rows that belong to a rung and have one."""
    found: list[tuple[str, TableValue | None]] = [(row.label, row.values[column]) for row in rows if belongs(row)]
    return {label: value.mean for label, value in found if value is not None}


def _shown(name: str, values: Sequence[float]) -> str:
    ends = sorted({f"{value:.4g}" for value in (min(values), max(values))}, key=float)
    return f"{name} {' to '.join(ends)}"
