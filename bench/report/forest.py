"""Effects: a forest plot for each task's metric, since each has its own unit, and a table of all."""

from __future__ import annotations

import math
from typing import Any

from bench.effects.naming import spoken
from bench.effects.report import HOW_TO_READ, NOTHING, incomplete_line, p_shown, untold
from bench.effects.rows import Effects, Row
from bench.effects.verdicts import POINTS, Code, change_shown, error_shown, pooled_sentence, sentence, unit_of, verdict
from bench.report.plots import Plot
from bench.report.tables import Grid, Heading
from bench.report.text import cut, name

MOST_BARS = 40
"""Of a panel; the table has all."""
MOST_PANELS = 12
"""Of a data set at a preset."""
MOST_SENTENCES = 12

COLUMNS: tuple[Heading, ...] = (
    {"name": "effect"},
    {"name": "in"},
    {"name": "data set", "filter": True},
    {"name": "metric", "filter": True},
    {"name": "kind", "filter": True},
    {"name": "change", "number": True},
    {"name": "se of trainings", "number": True},
    {"name": "se of images", "number": True},
    {"name": "p", "number": True},
    {"name": "trainings"},
    {"name": "verdict", "wide": True},
)
COMMON = ("in", "data set")
LOOKS: dict[Code, str] = {"equivalent": "equivalent", "unknown": "unknown"}
"""Of verdicts that are neither better nor worse."""


def panels(effects: Effects) -> dict[str, list[Plot]]:
    """Plots by data set and preset, one a metric, with at most so many effects as anybody compares."""
    groups: dict[str, dict[str, list[Row]]] = {}
    for row in effects.rows:
        if row.effect is not None and row.p is not None and math.isfinite(row.effect.half_width()):
            metric = spoken(row.place.task, row.metric.name)
            groups.setdefault(row.title, {}).setdefault(metric, []).append(row)
    return {
        name(title): [_panel(metric, rows) for metric, rows in list(of_metric.items())[:MOST_PANELS]]
        for title, of_metric in groups.items()
    }


def effects_grid(effects: Effects) -> Grid:
    """A row for each effect of which something can be told. What all have in common has no column."""
    told = [_cells(row) for row in effects.rows if row.effect is not None and row.p is not None]
    kept = [
        i for i, column in enumerate(COLUMNS) if column["name"] not in COMMON or len({cells[i] for cells in told}) > 1
    ]
    rows = [[cells[i] for i in kept] for cells in told]
    return {"caption": "All effects", "columns": [COLUMNS[i] for i in kept], "rows": rows}


def told_in_words(effects: Effects) -> dict[str, Any]:
    """What the page says of effects besides plots and the table."""
    lines = [*untold(effects.rows), *(f"not complete: {incomplete_line(one)}" for one in effects.incomplete)]
    return {
        "about": " ".join(HOW_TO_READ.split()) if effects.rows else NOTHING,
        "pooled": [cut(pooled_sentence(one)) for one in effects.pooled[:MOST_SENTENCES]],
        "untold": [cut(line) for line in lines],
    }


def change(row: Row) -> str:
    """What is there with and not without: "gsa", "init=features instead of init=uniform"."""
    return f"{row.change} instead of {row.against}" if row.against else row.change


def _panel(metric: str, rows: list[Row]) -> Plot:
    shown = rows[:MOST_BARS]
    scale = POINTS if rows[0].metric.share else 1
    bars = [_bar(row, scale) for row in shown]
    alike = len({row.design for row in shown}) == 1
    margin = rows[0].metric.margin
    return {
        "kind": "forest",
        "title": name(metric),
        "axis": cut(f"change ({unit})" if (unit := unit_of(rows[0].metric)) else "change", 40),
        "labels": [name(change(row) if alike else f"{change(row)} ({row.design})") for row in shown],
        **{key: [bar[key] for bar in bars] for key in ("estimate", "low", "high", "look", "text")},
        "margin": None if margin is None else margin.size * scale,
        "left_out": len(rows) - len(shown),
    }


def _bar(row: Row, scale: float) -> dict[str, Any]:
    assert row.effect is not None
    assert row.p is not None
    half = row.effect.half_width()
    found = verdict(row.effect, row.p, row.metric)
    good = (row.effect.estimate > 0) == row.metric.higher_is_better
    return {
        "estimate": _round(row.effect.estimate * scale),
        "low": _round((row.effect.estimate - half) * scale),
        "high": _round((row.effect.estimate + half) * scale),
        "look": LOOKS.get(found.code, "better" if good else "worse"),
        "text": cut(sentence(row)),
    }


def _cells(row: Row) -> list[Any]:
    effect = row.effect
    assert effect is not None
    assert row.p is not None
    scale = POINTS if row.metric.share else 1
    return [
        name(change(row)),
        name(row.design),
        name(row.title),
        name(spoken(row.place.task, row.metric.name)),
        row.kind,
        (change_shown(effect, row.metric), _round(effect.estimate * scale)),
        *(_error(error, row, scale) for error in (effect.training, effect.images)),
        (p_shown(row.p), _round(row.p)),
        f"{row.with_} with, {row.without} without",
        cut(verdict(effect, row.p, row.metric).text),
    ]


def _error(error: float | None, row: Row, scale: float) -> tuple[str, float] | None:
    return None if error is None else (error_shown(error, row.metric), _round(error * scale))


def _round(number: float) -> float:
    return float(f"{number:.6g}")
