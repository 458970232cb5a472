"""The leaderboard as Markdown, for people."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

from bench.leaderboard.board import Leaderboard, Section
from bench.leaderboard.comparison import Cell
from bench.leaderboard.tables import NO_RECORD, Column, Table

WIDE = 8
"""A table with more metrics than this shows the variants ("accuracy/color", "psnr@novel-pairs") in a second one."""

MISSING = "—"
EMPTY = "No records yet; `python -m bench run` makes some."
HOW_TO_READ = """\
One table a task, best method first. ↑ higher is better, ↓ lower is better; ± is half of a 95 % interval.
**Bold**: the best method and every one that cannot be told from it (paired difference, 5 %, Holm-corrected); in a
column without ± nothing could be tested and only the best value is bold.
*Italic*: not in the competition. A blind baseline never sees the codes: a method near it has learnt nothing from them.
A control (`identity`: nothing is quantized; `random-codebook`: nothing is learnt) bounds what a codebook can do.
— is a missing value; the note beside the method says why."""
COST_NOTE = "Mean over a method's cells, measured where each ran: compare seconds within one machine only."


def to_markdown(board: Leaderboard) -> str:
    """For people: a ranking, then one table a task, for each data set and preset."""
    lines = ["# Leaderboard", "", HOW_TO_READ if board.sections else EMPTY]
    for section in board.sections:
        lines += ["", f"## {_plain(section.title)}", *_images(section), *_ranking(section)]
        for table in section.tables:
            lines += ["", f"### {_plain(table.title)}" + (f", protocol {table.protocol[:8]}" if table.differs else "")]
            if table.differs:
                lines += ["", f"Not comparable with the first table of this task: {_plain('; '.join(table.differs))}."]
            lines += _task(table)
        if section.costs.columns:
            lines += ["", "### Cost", "", *_grid(section.costs, range(len(section.costs.columns)), []), "", COST_NOTE]
    return "\n".join(lines) + "\n"


def heading(column: Column) -> str:
    """A column's name, direction and unit."""
    arrow = {True: " ↑", False: " ↓", None: ""}[column.higher_is_better]
    return column.name + arrow + (f" ({column.unit})" if column.unit else "")


def shown(cell: Cell | None, decimals: int) -> str:
    """A value with its interval, or a dash."""
    if cell is None:
        return MISSING
    value = f"{round(cell.estimate.mean, decimals) + 0.0:,.{decimals}f}"  # adding zero turns -0.0 into 0.0
    half = cell.estimate.half_width
    return value if half is None else f"{value} ± {half:,.{decimals}f}"


def decimals_of(table: Table, column: int) -> int:
    """As many decimals as give the column's largest value three or four digits; blind baselines may be far off it."""
    competing = [row.cells[column] for row in table.rows if not row.reference]
    cells = competing if any(cell is not None and cell.estimate.mean for cell in competing) else _column(table, column)
    largest = max((abs(cell.estimate.mean) for cell in cells if cell is not None), default=0.0)
    whole = all(cell is None or cell.estimate.mean % 1 == 0 for cell in cells)
    if largest == 0 or (whole and table.columns[column].higher_is_better is None):
        return 0
    exponent = int(f"{largest:e}".partition("e")[2])
    return min(max(3 - exponent, 0), 3) if exponent >= 0 else min(2 - exponent, 8)


def _column(table: Table, column: int) -> list[Cell | None]:
    return [row.cells[column] for row in table.rows]


def parts_of(table: Table) -> list[list[int]]:
    """Column numbers of the tables to show below each other: all in one, or main metrics and variants."""
    main = [i for i, column in enumerate(table.columns) if not re.search("[/@]", column.name)]
    variants = [i for i in range(len(table.columns)) if i not in main]
    return [main, variants] if len(table.columns) > WIDE and main and variants else [main + variants]


def _images(section: Section) -> list[str]:
    used = ", ".join(f"{count:,} {_plain(split)}" for split, count in section.images.items())
    return ["", f"Images: {used}."] if used else []


def _ranking(section: Section) -> list[str]:
    if len(section.ranks) < 2 or len(section.ranked_by) < 2:
        return []
    tasks = [f"{_plain(task)} (by {_plain(heading(column))})" for task, column in section.ranked_by]
    lines = ["", *_head(["method", "mean rank", "tasks", *tasks])]
    for rank in section.ranks:
        done = f"{sum(place is not None for place in rank.of_tasks)} of {len(rank.of_tasks)}"
        places = [MISSING if place is None else f"{place:g}" for place in rank.of_tasks]
        lines.append(_line([_plain(rank.label), MISSING if rank.mean is None else f"{rank.mean:.2f}", done, *places]))
    if any(rank.mean is None for rank in section.ranks):
        lines += ["", "No mean rank without all tasks: it would reward what was left out."]
    if section.unranked:
        lines += ["", f"Not ranked, since not for every method: {_plain(', '.join(section.unranked))}."]
    return lines


def _task(table: Table) -> list[str]:
    """The tables of a task; methods that have not run it are named below them, not each in an empty row."""
    absent = [row.label for row in table.rows if list(row.notes) == [NO_RECORD]]
    table = dataclasses.replace(table, rows=tuple(row for row in table.rows if row.label not in absent))
    notes: list[str] = list(dict.fromkeys(note for row in table.rows for note in row.notes))
    lines: list[str] = []
    for part in parts_of(table):
        lines += ["", *_grid(table, part, notes)]
    over = {str(cell.over) for row in table.rows for cell in row.cells if cell is not None and cell.over}
    if over:
        lines += ["", _interval_note(over)]
    if table.unmeasured:
        lines += ["", f"Not measured: {_plain('; '.join(table.unmeasured))}."]
    if absent:
        lines += ["", f"No record: {', '.join(map(_plain, absent))}."]
    if notes:
        lines += ["", *(f"- [{number}] {_plain(note)}" for number, note in enumerate(notes, 1))]
    return lines


def _interval_note(over: set[str]) -> str:
    if "examples" not in over:
        return "± over seeds."
    if "seeds" not in over:
        return "± over test examples; with one seed nothing is known about another training."
    return "± over seeds where a method has several, else over test examples."


def _grid(table: Table, part: Sequence[int], notes: list[str]) -> list[str]:
    """Some columns of a table, then examples and seeds behind the first of them that has a direction."""
    counted = [i for i in part if table.columns[i].higher_is_better is not None][:1]
    lines = _head(["method", *(_plain(heading(table.columns[i])) for i in part), *(("n", "seeds") if counted else ())])
    for row in table.rows:
        label = f"*{_plain(row.label)}*" if row.reference else _plain(row.label)
        marks = "".join(f" [{notes.index(note) + 1}]" for note in row.notes)
        values = []
        for i in part:
            cell, text = row.cells[i], shown(row.cells[i], decimals_of(table, i))
            values.append(f"**{text}**" if cell is not None and cell.tied else text)
        counts = [count for i in counted for count in _counts(row.cells[i])]
        lines.append(_line([label + marks, *values, *counts]))
    return lines


def _counts(cell: Cell | None) -> tuple[str, str]:
    return (MISSING, MISSING) if cell is None else (f"{cell.n:,}", str(cell.seeds))


def _head(cells: Sequence[str]) -> list[str]:
    return [_line(cells), _line([":--", *["--:"] * (len(cells) - 1)])]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _plain(text: str) -> str:
    """Text from a record on one line, its Markdown and HTML marks made harmless, cut where it is endless."""
    line = " ".join(text.encode("utf-8", "replace").decode().split())
    line = line if len(line) <= 240 else f"{line[:239]}…"
    return re.sub(r"([\\`*\[\]<>|])", r"\\\1", line)
