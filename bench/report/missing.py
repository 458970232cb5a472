"""What there is no value of: cells that were skipped, failed or never run, metrics not measured, files left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bench.leaderboard.notes import NO_RECORD
from bench.records.record import seeds_shown
from bench.report.places import Place
from bench.report.tables import Cell, Grid
from bench.report.text import cut, name

MOST_PROBLEMS = 200
"""Files named one by one; the others are counted."""


def missing_grid(places: Iterable[Place]) -> Grid:
    """A row for each cell without a value, and for each metric that some record lacks, with the reason."""
    return {
        "caption": "Cells and metrics without a value, with the reason",
        "columns": [
            {"name": "what", "filter": True},
            {"name": "data set", "filter": True},
            {"name": "task", "filter": True},
            {"name": "method or metric"},
            {"name": "seeds"},
            {"name": "reason", "wide": True},
        ],
        "rows": [row for place in places for row in (*_cells(place), *_metrics(place))],
    }


def problems_shown(problems: Sequence[str]) -> list[str]:
    """A line for each file that is no record, as far as there are not too many."""
    lines = [cut(problem) for problem in problems[:MOST_PROBLEMS]]
    return lines + ([f"and {len(problems) - MOST_PROBLEMS:,} more"] if len(problems) > MOST_PROBLEMS else [])


def _cells(place: Place) -> list[list[Cell]]:
    title = name(place.section.title)
    rows: list[list[Cell]] = [
        [
            record.status,
            title,
            name(record.task),
            name(place.label(record)),
            seeds_shown(record.seed, record.fit_seed),
            cut(record.reason or ""),
        ]
        for record in place.records
        if record.status != "ok"
    ]
    never: list[list[Cell]] = [
        ["not run", title, name(table.title), name(row.label), "", NO_RECORD]
        for table in place.section.tables
        for row in table.rows
        if list(row.notes) == [NO_RECORD]
    ]
    return rows + never


def _metrics(place: Place) -> list[list[Cell]]:
    """The metrics that records of a task do not have, each reason once."""
    found: dict[tuple[str, str, str], int] = {}
    for record in place.records:
        for metric, why in record.skipped.items():
            key = record.task, metric, why
            found[key] = found.get(key, 0) + 1
    return [
        ["metric", name(place.section.title), name(task), name(metric), "", f"{cut(why)} ({count:,} records)"]
        for (task, metric, why), count in sorted(found.items())
    ]
