"""The leaderboard as Markdown, for people: the verdict, effects, a small table a task, all else folded."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from bench.effects.report import HOW_TO_READ as EFFECTS
from bench.effects.report import incomplete_line, markdown_rows
from bench.effects.rows import Effects
from bench.effects.verdicts import pooled_sentence
from bench.leaderboard.board import Leaderboard, Section
from bench.leaderboard.cells import (
    DIFFERS,
    HASH_DIGITS,
    MISSING,
    cost_shown,
    decimals_of,
    difference_shown,
    heading,
    parts_of,
    rank_shown,
    rate_shown,
    shown,
)
from bench.leaderboard.comparison import TableValue
from bench.leaderboard.ladder import ladder
from bench.leaderboard.notes import NO_RECORD
from bench.leaderboard.rates import apart
from bench.leaderboard.reported import MARK, PAPER, beside
from bench.leaderboard.table import Row, Table
from bench.leaderboard.verdict import verdict_lines
from bench.noise.report import sentence
from bench.system.markup import markdown_text

LONGEST = 240
"""Characters of a text that comes from a record: two lines, enough for any reason or warning of our own."""
EMPTY = "No records yet; `python -m bench run` makes some."
HOW_TO_READ = """\
↑ higher is better, ↓ lower is better; ± is half of a 95 % interval, over trainings and test images together. With one
training it is over images alone, and says nothing of another training.
**Bold**: may be the best, at 5 % for all together. `rank`: the first and last place a method may have, at 5 % for all
together. Neither is told where no method has two trainings, and only methods of equal bits an image compete.
`against`: the difference to the method that is named; ° one training on a side, so that it is about these trainings.
*Italic*: not in the competition. A blind baseline never sees the codes: a method near it has learnt nothing from them.
A control bounds what a codebook can do. `identity`: nothing is quantized. `random-codebook`: frozen codes, learnt
encoder. `untrained`: neither is learnt.
`bits` an image, nominal. — is a missing value; the note beside the method says why."""
RATE_NOTE = """\
All methods, fewest bits first. Bits are nominal, log2 K for each code; the entropy is that of how often codes are
chosen."""
COST_NOTE = "Mean over a method's cells, measured where each ran: compare seconds within one machine only."


def to_markdown(board: Leaderboard) -> str:
    """For people: what the records say in ten lines, then one small table a task for each data set and preset."""
    lines = ["# Leaderboard", ""]
    if not board.sections:
        return "\n".join([*lines, EMPTY]) + "\n"
    lines += ["## Verdict", "", *(f"- {markdown_text(line)}" for line in verdict_lines(board))]
    lines += _effects(board.effects)
    lines += ["", "## How to read the tables", "", HOW_TO_READ]
    for section in board.sections:
        lines += ["", f"## {markdown_text(section.title)}", *_about(section)]
        for table in section.tables:
            lines += _task(table)
        lines += _reported(section)
        if section.rates is not None:
            lines += _folded(
                "Rate and distortion", [*_grid(section.rates, range(len(section.rates.columns))), "", RATE_NOTE]
            )
        if section.costs.columns:
            lines += _folded("Cost", [*_grid(section.costs, range(len(section.costs.columns))), "", COST_NOTE])
    return "\n".join(lines) + "\n"


def _effects(effects: Effects) -> list[str]:
    """A table of the effects of losses, of codebook use and of the base; what losses do together is folded."""
    if not effects.rows and not effects.incomplete:
        return []
    first = [row for row in effects.rows if row.kind != "interaction"]
    together = [row for row in effects.rows if row.kind == "interaction"]
    lines = ["", "## Effects", "", EFFECTS, *markdown_rows(first)]
    if effects.pooled:
        lines += ["", "Over bases and data sets:", ""]
        lines += [f"- {markdown_text(pooled_sentence(one))}" for one in effects.pooled]
    for one in effects.incomplete:
        lines += ["", f"Not complete: {markdown_text(incomplete_line(one))}."]
    return lines + (
        _folded("What losses do together beyond their sum", markdown_rows(together)[1:]) if together else []
    )


def _about(section: Section) -> list[str]:
    used = ", ".join(f"{count:,} {markdown_text(split)}" for split, count in section.images.items())
    counts = ", ".join(f"{section.counts[status]:,} {status}" for status in sorted(section.counts))
    return ["", f"Cells: {counts}." + (f" Images: {used}." if used else "")]


def _task(table: Table) -> list[str]:
    """The small table of a task, what there is to know of it, and all its other values folded.

    Methods that have not run it are named below, not each in an empty row.
    """
    absent = [row.label for row in table.rows if list(row.notes) == [NO_RECORD]]
    table = dataclasses.replace(table, rows=tuple(row for row in table.rows if row.label not in absent))
    notes = list(dict.fromkeys(note for row in table.rows for note in row.notes))
    lines = [
        "",
        f"### {markdown_text(table.title)}" + (f", protocol {table.protocol[:HASH_DIGITS]}" if table.differs else ""),
    ]
    if table.differs:
        lines += ["", f"{DIFFERS}: {markdown_text('; '.join(table.differs), LONGEST)}."]
    lines += ["", *_small(table, notes)]
    other = apart([(row.label, row.rate) for row in table.rows if not row.reference])
    order = ladder(table)
    below = [
        *([markdown_text(other)] if other else []),
        *([markdown_text(sentence(table.noise))] if table.noise is not None else []),
        *([markdown_text(order)] if order else []),
        *([f"No record: {', '.join(map(markdown_text, absent))}."] if absent else []),
    ]
    for line in below:
        lines += ["", line]
    if notes:
        lines += ["", *(f"- [{number}] {markdown_text(note, LONGEST)}" for number, note in enumerate(notes, 1))]
    parts = parts_of(table)
    folded = [line for part in parts for line in ["", *_grid(table, part)]][1:]
    if table.unmeasured:
        folded += ["", f"Not measured: {markdown_text('; '.join(table.unmeasured), LONGEST)}."]
    return lines + (
        _folded(f"All metrics of {markdown_text(table.title)}", folded)
        if len(table.columns) > 1 or table.unmeasured
        else []
    )


def _reported(section: Section) -> list[str]:
    """What the LG-VQ paper says of the data set, where it says anything."""
    found = beside(section.dataset, section.tables)
    if not found:
        return []
    lines = _head(["source", "row", "metric", f"value ({MARK})", "measured here"])
    for number, measured in found:
        here = "; ".join(f"{markdown_text(label)}: {value:,.2f}" for label, value in measured) or MISSING
        lines.append(_line([number.source, number.label, number.metric, number.value, here]))
    return _folded(f"Numbers of the LG-VQ paper ({PAPER}) beside these", lines)


def _small(table: Table, notes: Sequence[str]) -> list[str]:
    """Headline metric, difference to the base, rank, bits, cost and trainings of every method."""
    index = table.headline
    if index is None:
        return _head(["method"]) + [_line([_label(row, notes)]) for row in table.rows]
    bases = list(dict.fromkeys(row.base for row in table.rows if row.base is not None))
    against = f"against {markdown_text(bases[0])}" if len(bases) == 1 else "against"
    lines = _head(["method", markdown_text(heading(table.columns[index])), against, "rank", "bits", "train s", "seeds"])
    decimals = decimals_of(table, index)
    for row in table.rows:
        value = row.values[index]
        named = "" if len(bases) == 1 or row.difference is None else f" ({markdown_text(row.base or '')})"
        lines.append(
            _line(
                [
                    _label(row, notes),
                    _bold_if_best(value, decimals),
                    difference_shown(row.difference, decimals) + named,
                    rank_shown(row.rank),
                    rate_shown(row.rate),
                    cost_shown(row.train_s),
                    MISSING if value is None else str(value.seeds),
                ]
            )
        )
    return lines


def _grid(table: Table, part: Sequence[int]) -> list[str]:
    """Some columns of a table, and the examples behind the first of them that has a direction."""
    counted = [i for i in part if table.columns[i].higher_is_better is not None][:1]
    lines = _head(["method", *(markdown_text(heading(table.columns[i])) for i in part), *(["n"] if counted else [])])
    decimals = [decimals_of(table, i) for i in part]
    for row in table.rows:
        texts = [shown(row.values[i], places) for i, places in zip(part, decimals, strict=True)]
        counts = [MISSING if (value := row.values[i]) is None else f"{value.n:,}" for i in counted]
        lines.append(_line([_label(row, ()), *texts, *counts]))
    return lines


def _label(row: Row, notes: Sequence[str]) -> str:
    label = markdown_text(row.label, LONGEST)
    marks = "".join(f" [{notes.index(note) + 1}]" for note in row.notes) if notes else ""
    return (f"*{label}*" if row.reference else label) + marks


def _bold_if_best(value: TableValue | None, decimals: int) -> str:
    text = shown(value, decimals)
    return f"**{text}**" if value is not None and value.best else text


def _folded(title: str, lines: Sequence[str]) -> list[str]:
    return ["", f"<details><summary>{title}</summary>", "", *lines, "", "</details>"]


def _head(texts: Sequence[str]) -> list[str]:
    return [_line(texts), _line([":--", *["--:"] * (len(texts) - 1)])]


def _line(texts: Sequence[str]) -> str:
    return f"| {' | '.join(texts)} |"
