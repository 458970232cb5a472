"""A leaderboard as Markdown, TeX, CSV or JSON."""

from __future__ import annotations

import csv
import difflib
import io
import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bench.leaderboard import Leaderboard, Section
from bench.leaderboard_tables import Cell, Column, Row, Table

WIDE = 8
MISSING = "—"
EMPTY = "No records yet. `python -m bench run` makes some."
HOW_TO_READ = """Which visual codebook is better for what, by how much, and how sure are we? One table per task, best method first;
↑ higher is better, ↓ lower is better, ± half of a 95 % interval.
**Bold**: the best, and every method that cannot be told from it (paired difference, 5 %, Holm-corrected).
*Italic*: a blind baseline that never sees the codes; a method near it has learnt nothing. — no value, see the note."""


def to_markdown(board: Leaderboard) -> str:
    """For people: a ranking and one table a task for each data set and preset."""
    lines = ["# Leaderboard", "", HOW_TO_READ if board.sections else EMPTY]
    for section in board.sections:
        lines += ["", f"## {_markdown(section.dataset)}, preset {_markdown(section.preset)}"]
        lines += _ranking(section)
        for table in section.tables:
            protocol = f" (protocol {table.protocol[:8]})" if table.differs else ""
            lines += ["", f"### {_markdown(table.title)}{protocol}", ""]
            if table.differs:
                lines += [f"Not comparable with the table above: {_markdown('; '.join(table.differs))}.", ""]
            lines += _table(table)
        if section.costs.columns:
            lines += ["", "### cost", "", *_grid(section.costs, range(len(section.costs.columns)), [])]
            lines += ["", "Mean over a method's cells, measured where they ran: seconds compare only within one machine."]
    return "\n".join(lines) + "\n"
