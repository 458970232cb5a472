"""What others report of the same data, beside what was measured."""

from __future__ import annotations

from bench.leaderboard.reported import MARK, PAPER, beside
from bench.report.places import Place
from bench.report.tables import Cell, Grid, Heading
from bench.report.text import name


def reported_grid(place: Place) -> Grid | None:
    """What the LG-VQ paper reports of the data set beside what was measured; None where it says nothing of it."""
    found = beside(place.section.dataset, place.section.tables)
    rows: list[list[Cell]] = [
        [
            one.reported.task,
            one.reported.label,
            one.reported.metric,
            one.reported.value,
            "; ".join(f"{value:.4g} ({name(label)})" for label, value in one.measured) or None,
            f"{one.reported.source} of {PAPER}",
        ]
        for one in found
    ]
    columns: list[Heading] = [
        {"name": "task", "filter": True},
        {"name": "method", "filter": True},
        {"name": "metric", "filter": True},
        {"name": MARK},
        {"name": "measured here", "wide": True},
        {"name": "source"},
    ]
    caption = f"What the LG-VQ paper reports, {name(place.section.title)}"
    return {"caption": caption, "columns": columns, "rows": rows} if rows else None
