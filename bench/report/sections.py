"""What the page says of each data set: which tables, plots and samples stand where, under which names."""

from __future__ import annotations

from typing import Any

from bench.effects.rows import Effects
from bench.leaderboard.cells import DIFFERS, HASH_DIGITS, parts_of
from bench.leaderboard.table import Table
from bench.records.store import RecordStore
from bench.report.curves import training_plot, usage_plot
from bench.report.forest import effects_grid, panels, told_in_words
from bench.report.gallery import Gallery
from bench.report.places import Place
from bench.report.plots import Plot, cost_plot, rank_plot, rate_plot
from bench.report.reported import reported_grid
from bench.report.tables import Grid, measured_rows, notes_of, plain_grid, task_grid
from bench.report.text import cut, name

Part = dict[str, Any]
"""What the template reads."""

PLOTS = {
    "rate": (
        "Rate and distortion",
        "Each point is a method. Nominal bits are log2 K for each code; entropy is that of how often codes are chosen.",
    ),
    "cost": ("Quality and cost", "Each point is a method. Seconds compare within one machine alone."),
    "usage": (
        "Use of the codes",
        "Each line is a method, of its lowest seed; 1 is even use. Codes that are never used are not drawn.",
    ),
    "training": ("Trainings", "Each line is a method, of its lowest seed."),
}
"""Of a data set: title and caption."""
FOREST = (
    "Marks are estimates, lines 95 % intervals; right of the dotted line the value is higher with the part than "
    "without it. In the grey band a change is as good as none."
)


class Sections:
    """Collects tables and plots under names, as the page's sections are made. grids, plots: for the script."""

    def __init__(self, store: RecordStore, gallery: Gallery) -> None:
        self.grids: dict[str, Grid] = {}
        self.plots: dict[str, Plot] = {}
        self._store, self._gallery = store, gallery

    def grid(self, key: str, grid: Grid) -> str:
        """Keep a table; its name in the page."""
        self.grids[key] = grid
        return key

    def plot(self, key: str, plot: Plot | None, title: str, caption: str) -> list[Part]:
        """Keep a plot; what the template needs of it, nothing where there is none."""
        if plot is None:
            return []
        self.plots[key] = plot
        alt = f"Plot: {title}. The tables have its values."
        if plot.get("left_out"):
            caption += f" {plot['left_out']} more have no room."
        return [{"id": key, "title": title, "alt": alt, "caption": caption}]

    def of_place(self, place: Place) -> Part:
        """One data set at one preset."""
        key, section = f"data-{place.number}", place.section
        title = name(section.title)
        drawn = {
            "rate": rate_plot(place),
            "cost": cost_plot(place),
            "usage": usage_plot(place, self._store),
            "training": training_plot(place, self._store),
        }
        tables, reported = {"rates": section.rates, "costs": section.costs}, reported_grid(place)
        return {
            "id": key,
            "title": title,
            "summary": _summary(place),
            "plots": [
                part for what, words in PLOTS.items() for part in self.plot(f"{key}-{what}", drawn[what], *words)
            ],
            "folded": [
                self._folded(place, what, table, f"{key}-{what}")
                for what, table in tables.items() if table is not None and table.columns
            ],
            "reported": "" if reported is None else self.grid(f"{key}-reported", reported),
            "codebooks": self._gallery.codebooks(place),
            "tasks": [self._task(place, table, f"{key}-{i}") for i, table in enumerate(section.tables)],
        }  # fmt: skip

    def _folded(self, place: Place, what: str, table: Table, key: str) -> Part:
        """A table that stands folded below the plots."""
        grid = plain_grid(table, range(len(table.columns)), f"{what}, {name(place.section.title)}", place.kinds())
        return {"title": f"{what.capitalize()} as a table", "grid": self.grid(key, grid)}

    def of_effects(self, effects: Effects) -> Part | None:
        """What parts of methods add; None where no record knows of any."""
        if not effects.rows and not effects.incomplete:
            return None
        groups = [
            {
                "title": title,
                "panels": [
                    part
                    for j, plot in enumerate(plots)
                    for part in self.plot(f"effects-{i}-{j}", plot, plot["title"], "")
                ],
            }
            for i, (title, plots) in enumerate(panels(effects).items())
        ]
        grid = effects_grid(effects)
        return told_in_words(effects) | {
            "marks": FOREST,
            "groups": groups,
            "grid": self.grid("effects", grid) if grid["rows"] else "",
        }

    def _task(self, place: Place, table: Table, key: str) -> Part:
        notes, title = notes_of(table), name(table.title)
        parts = parts_of(table)
        caption = f"{title}, {name(place.section.title)}"
        ranks = self.plot(
            f"{key}-ranks", rank_plot(table), f"ranks of {title}",
            "The ranks that each method may have by the headline metric, at 95 % for all methods together.",
        )  # fmt: skip
        variants = parts[1] if len(parts) > 1 and measured_rows(table) else []
        return {
            "id": key,
            "title": title,
            "heading": f"{title}, protocol {table.protocol[:HASH_DIGITS]}" if table.differs else title,
            "differs": f"{DIFFERS}: {cut('; '.join(table.differs))}." if table.differs else "",
            "grid": self.grid(key, task_grid(table, caption, notes)),
            "notes": [cut(note) for note in notes],
            "ranks": ranks[0] if ranks else None,
            "variants": self.grid(f"{key}-parts", plain_grid(table, variants, f"parts, {caption}")) if variants else "",
            "samples": self._gallery.of_table(place, table),
        }


def _summary(place: Place) -> str:
    section = place.section
    images = ", ".join(f"{count:,} {name(split)}" for split, count in section.images.items())
    cells = ", ".join(f"{count:,} {status}" for status, count in sorted(section.counts.items()))
    return f"Images: {images}. Records: {cells}."
