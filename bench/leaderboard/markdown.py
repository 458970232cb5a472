"""The leaderboard as Markdown, for people."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Sequence

from bench.contracts.metric import MetricName
from bench.leaderboard.board import Leaderboard, Section
from bench.leaderboard.comparison import TableValue
from bench.leaderboard.ladder import ladder
from bench.leaderboard.notes import NO_RECORD
from bench.leaderboard.rates import apart
from bench.leaderboard.tables import Column, Row, Table
from bench.noise.report import sentence
from bench.system.terminal import visible

WIDE = 8
"""A table with more metrics than this, about what a page is wide, shows the variants ("accuracy/color") in a second."""

HASH_DIGITS = 8
"""Of a protocol's hash, in headings: as good as unique among the few protocols of a task."""

MOST_DECIMALS = 8
"""However small the values of a column are."""

LONGEST = 240
"""Characters of a text that comes from a record: two lines, enough for any reason or warning of our own."""

MISSING = "—"
EMPTY = "No records yet; `python -m bench run` makes some."
HOW_TO_READ = """\
One table a task, best method first. ↑ higher is better, ↓ lower is better; ± is half of a 95 % interval.
**Bold**: the best method and every one that cannot be told from it (paired difference, 5 %, Holm-corrected); in a
column without ± nothing could be tested and only the best value is bold.
*Italic*: not in the competition. A blind baseline never sees the codes: a method near it has learnt nothing from them.
A control bounds what a codebook can do. `identity`: nothing is quantized. `random-codebook`: frozen codes, learnt
encoder. `untrained`: neither is learnt.
`bits` at each position of the code grid, nominal; `tokens` an image. Only methods of equal bits an image compete.
— is a missing value; the note beside the method says why."""
RATE_NOTE = """\
All methods, fewest bits first. Bits are nominal, log2 K for each code; the entropy is that of how often codes are
chosen."""
COST_NOTE = "Mean over a method's cells, measured where each ran: compare seconds within one machine only."


def to_markdown(board: Leaderboard) -> str:
    """For people: a ranking, then one table a task, for each data set and preset."""
    lines = ["# Leaderboard", "", HOW_TO_READ if board.sections else EMPTY]
    for section in board.sections:
        lines += ["", f"## {_plain(section.title)}", *_images(section), *_ranking(section)]
        for table in section.tables:
            lines += [
                "",
                f"### {_plain(table.title)}" + (f", protocol {table.protocol[:HASH_DIGITS]}" if table.differs else ""),
            ]
            if table.differs:
                lines += ["", f"Not comparable with the first table of this task: {_plain('; '.join(table.differs))}."]
            lines += _task(table)
        if section.rates is not None:
            rates = section.rates
            lines += ["", "### Rate and distortion", "", *_grid(rates, range(len(rates.columns)), []), "", RATE_NOTE]
        if section.costs.columns:
            lines += ["", "### Cost", "", *_grid(section.costs, range(len(section.costs.columns)), []), "", COST_NOTE]
    return "\n".join(lines) + "\n"


def heading(column: Column) -> str:
    """A column's name, direction and unit."""
    arrow = {True: " ↑", False: " ↓", None: ""}[column.higher_is_better]
    return column.name + arrow + (f" ({column.unit})" if column.unit else "")


def shown(value: TableValue | None, decimals: int) -> str:
    """A value with its interval, or a dash."""
    if value is None:
        return MISSING
    mean = f"{round(value.estimate.mean, decimals) + 0.0:,.{decimals}f}"  # adding zero turns -0.0 into 0.0
    half = value.estimate.half_width
    return mean if half is None else f"{mean} ± {half:,.{decimals}f}"


def decimals_of(table: Table, column: int) -> int:
    """As many decimals as give the column's largest value three or four digits; blind baselines may be far off it.

    312.4, 26.41 and 1.234 have four; what is below 1 has three after its zeros, as 0.641 and 0.0213. Columns of counts
    have no decimals.
    """
    competing = _values(table, column, references=False)
    values = competing if any(competing) else _values(table, column, references=True)
    largest = max(map(abs, values), default=0.0)
    counts = table.columns[column].higher_is_better is None and all(value % 1 == 0 for value in values)
    if largest == 0 or counts:
        return 0
    exponent = math.floor(math.log10(largest))
    return max(3 - exponent, 0) if exponent >= 0 else min(2 - exponent, MOST_DECIMALS)


def _values(table: Table, column: int, references: bool) -> list[float]:
    """The numbers of a column, with those of the references or without."""
    values = [row.values[column] for row in table.rows if references or not row.reference]
    return [value.estimate.mean for value in values if value is not None]


def parts_of(table: Table) -> list[list[int]]:
    """Column numbers of the tables to show below each other: all in one, or main metrics and variants."""
    main = [i for i, column in enumerate(table.columns) if MetricName.parse(column.name).main]
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
    if section.apart:
        lines += ["", _plain(section.apart)]
    return lines


def _task(table: Table) -> list[str]:
    """The tables of a task; methods that have not run it are named below them, not each in an empty row."""
    absent = [row.label for row in table.rows if list(row.notes) == [NO_RECORD]]
    table = dataclasses.replace(table, rows=tuple(row for row in table.rows if row.label not in absent))
    notes: list[str] = list(dict.fromkeys(note for row in table.rows for note in row.notes))
    lines: list[str] = []
    for part in parts_of(table):
        lines += ["", *_grid(table, part, notes)]
    over = {str(value.over) for row in table.rows for value in row.values if value is not None and value.over}
    if over:
        lines += ["", _interval_note(over)]
    other = apart([(row.label, row.rate) for row in table.rows if not row.reference])
    if other:
        lines += ["", _plain(other)]
    if table.noise is not None:
        lines += ["", _plain(sentence(table.noise))]
    order = ladder(table)
    if order:
        lines += ["", _plain(order)]
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
    """Some columns of a table, then examples and seeds behind the first of them that has a direction.

    Bits at a position and tokens an image follow, where any record says them; a table of rates has them already.
    """
    counted = [i for i in part if table.columns[i].higher_is_better is not None][:1]
    rated = any(row.rate is not None for row in table.rows)
    behind = (*(("n", "seeds") if counted else ()), *(("bits", "tokens") if rated else ()))
    lines = _head(["method", *(_plain(heading(table.columns[i])) for i in part), *behind])
    for row in table.rows:
        label = f"*{_plain(row.label)}*" if row.reference else _plain(row.label)
        marks = "".join(f" [{notes.index(note) + 1}]" for note in row.notes)
        texts = [_bold_if_tied(row.values[i], decimals_of(table, i)) for i in part]
        counts = [count for i in counted for count in _counts(row.values[i])]
        rates = rate_shown(row) if rated else ()
        lines.append(_line([label + marks, *texts, *counts, *rates]))
    return lines


def _bold_if_tied(value: TableValue | None, decimals: int) -> str:
    text = shown(value, decimals)
    return f"**{text}**" if value is not None and value.tied else text


def _counts(value: TableValue | None) -> tuple[str, str]:
    return (MISSING, MISSING) if value is None else (f"{value.n:,}", str(value.seeds))


def rate_shown(row: Row) -> tuple[str, str]:
    """Bits at a position and tokens an image, or dashes."""
    return (MISSING, MISSING) if row.rate is None else (f"{row.rate.bits:.4g}", f"{row.rate.tokens:,}")


def _head(texts: Sequence[str]) -> list[str]:
    return [_line(texts), _line([":--", *["--:"] * (len(texts) - 1)])]


def _line(texts: Sequence[str]) -> str:
    return f"| {' | '.join(texts)} |"


def _plain(text: str) -> str:
    """Text from a record on one line, its Markdown and HTML marks made harmless, cut where it is endless."""
    line = visible(" ".join(text.split()))
    line = line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"
    return re.sub(r"([\\`*\[\]<>|])", r"\\\1", line)
