"""Plots of the page, as data: points and intervals with their labels; how they look is the script's business."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.leaderboard.cells import heading
from bench.leaderboard.rate_table import RATES
from bench.leaderboard.table import Column, Table
from bench.report.places import Place, kind_of
from bench.report.text import cut, name

Plot = dict[str, Any]
"""What the script draws: its `kind`, the axes to choose from, and arrays of equal length."""

COSTS = ("train_s", "train_images_per_s", "eval_s", "parameters", "peak_memory_mib")
"""Of a record's costs those to set against quality, where they are stated."""
MOST_RANKS = 40
"""Methods of a plot of ranks: more bars than a few screens nobody compares."""
DIGITS = 6


def rate_plot(place: Place) -> Plot | None:
    """Bits or entropy against each main metric of distortion; None where no record says both."""
    table = place.section.rates
    if table is None or len(table.columns) <= len(RATES):
        return None
    rates = [i for i, column in enumerate(table.columns) if column in RATES and "image" in column.name]
    others = [i for i, column in enumerate(table.columns) if column not in RATES]
    if not _any(table, rates) or not _any(table, others):
        return None
    return _scatter(table, [_axis(table, i) for i in rates], [_axis(table, i) for i in others])


def cost_plot(place: Place) -> Plot | None:
    """Costs against the headline metric of each task; None where no record says both."""
    costs = place.section.costs
    names = [column.name for column in costs.columns]
    chosen = [names.index(cost) for cost in COSTS if cost in names]
    of_label = {row.label: row for row in costs.rows}
    choices = []
    for table in place.section.tables:
        if table.headline is None or table.differs:
            continue
        of_row = {row.label: row.values[table.headline] for row in table.rows}
        values = [of_row.get(label) for label in of_label]
        if any(value is not None for value in values):
            title = f"{table.title}: {heading(table.columns[table.headline])}"
            choices.append({"title": cut(title, 100), "values": [value and _round(value.mean) for value in values]})
    if not chosen or not choices:
        return None
    kinds = place.kinds()
    plot = _scatter(costs, [_axis(costs, i) for i in chosen], choices)
    return plot | {"kinds": [kinds.get(label, "method") for label in of_label]}


def rank_plot(table: Table) -> Plot | None:
    """The first and last rank that each method may have; None where nothing is known of ranks."""
    ranked = [(row.label, row.rank) for row in table.rows if row.rank is not None]
    if len(ranked) < 2:
        return None
    shown = ranked[:MOST_RANKS]
    return {
        "kind": "ranks",
        "labels": [name(label) for label, _ in shown],
        "low": [rank[0] for _, rank in shown],
        "high": [rank[1] for _, rank in shown],
        "methods": len(ranked),
        "left_out": len(ranked) - len(shown),
    }


def _scatter(table: Table, x: Sequence[Plot], y: Sequence[Plot]) -> Plot:
    return {
        "kind": "scatter",
        "labels": [name(row.label) for row in table.rows],
        "kinds": [kind_of(row) for row in table.rows],
        "x": list(x),
        "y": list(y),
    }


def _axis(table: Table, column: int) -> Plot:
    values = [row.values[column] for row in table.rows]
    return {
        "title": cut(_title(table.columns[column]), 100),
        "values": [value and _round(value.mean) for value in values],
    }


def _title(column: Column) -> str:
    return heading(column).replace("_", " ") if column.name in COSTS else heading(column)


def _any(table: Table, columns: Sequence[int]) -> bool:
    return any(row.values[i] is not None for row in table.rows for i in columns)


def _round(number: float) -> float:
    return float(f"{number:.{DIGITS}g}")
