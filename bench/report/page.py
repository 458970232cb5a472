"""The report: one HTML file that asks for nothing else."""

from __future__ import annotations

from collections.abc import Sequence

import jinja2

from bench.leaderboard.board import Leaderboard
from bench.leaderboard.verdict import verdict_lines
from bench.records.record import Record
from bench.records.store import RecordStore
from bench.report import assets
from bench.report.budget import Budget
from bench.report.gallery import Gallery
from bench.report.missing import missing_grid, problems_shown
from bench.report.places import places
from bench.report.records import details, records_grid
from bench.report.sections import Sections
from bench.report.text import cut, name

TITLE = "Visual codebooks: what the records prove"
PICTURES = 2_000_000
"""Characters of pictures in the page."""
DETAILS = 3_000_000
"""Characters of the records' own pages."""
VERDICT = 1_000
"""Characters of a line of the verdict, which lists what it is about."""
NAMED = 6
"""Data sets that the first line names."""
HOW_TO_READ = (
    "Values are means over trainings; ± is half of a 95 % interval over trainings and test images, or over test images "
    "alone where there is one training.",
    "Bold: may be the best of its column (Hsu's comparison with the best, 5 %). ° beside a difference: with one "
    "training it says nothing of others.",
    "A control bounds what a codebook can do, a blind baseline sees no codes: neither competes.",
)


def to_html(board: Leaderboard, records: Sequence[Record], store: RecordStore) -> str:
    """The page.

    Args:
        board: of these records. records: all that were read, also those that the leaderboard does not show.
        store: where samples lie.

    Raises:
        BenchError: a library of the page is not installed.
    """
    found = places(board)
    gallery, room = Gallery(store, Budget(PICTURES)), Budget(DETAILS)
    sections = Sections(store, gallery)
    shown = {
        "title": TITLE,
        "summary": _summary(board, records),
        "verdict": [cut(line, VERDICT) for line in verdict_lines(board)] if board.records else [],
        "effects": sections.of_effects(board.effects),
        "places": [sections.of_place(place) for place in found],
        "missing": sections.grid("missing", missing_grid(found)),
        "problems": problems_shown(board.problems),
        "problem_count": len(board.problems),
        "all_records": sections.grid("records", records_grid(records, found)),
    }
    pages = details(records, found, gallery.of_record, room)
    about = [*HOW_TO_READ, *_left_out(gallery.budget, room, len(records))]
    drawn = {"grids": sections.grids, "plots": sections.plots}
    scripts = assets.scripts()
    return _template().render(
        **shown,
        about=about,
        data=assets.embedded(assets.as_json(drawn)),
        details=assets.embedded(assets.as_json(pages)),
        policy=assets.policy(list(scripts.values())),
        styles=assets.embedded(assets.styles()),
        **{key: assets.embedded(script) for key, script in scripts.items()},
    )


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    return environment.from_string(assets.own("template.html"))


def _summary(board: Leaderboard, records: Sequence[Record]) -> str:
    counts = f"{len(board.records):,} of {len(records):,} records count"
    titles = [name(section.title) for section in board.sections]
    more = f" and {len(titles) - NAMED} more" if len(titles) > NAMED else ""
    return f"{counts}: {'; '.join(titles[:NAMED])}{more}." if titles else f"{counts}."


def _left_out(pictures: Budget, room: Budget, records: int) -> list[str]:
    """What had no room."""
    lines = []
    if pictures.left_out:
        lines.append(f"{pictures.left_out:,} pictures are left out: there is room for {PICTURES / 1e6:g} MB of them.")
    if room.left_out:
        lines.append(
            f"{records - room.left_out:,} of {records:,} records have a page here, of each cell the first trainings; "
            "python -m bench show KEY prints the others."
        )
    return lines
