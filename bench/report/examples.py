"""Tables of samples: what tasks wrote as Markdown, read back, and those of several methods as one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from bench.report.text import cut, name

TRUTHS = ("answer", "masked word", "written")
"""Columns of what is right; what stands right of them is what a method said."""
UNJUDGED = ("height",)
"""Columns right of a truth that are no attempt at it."""
SHORT = 24
"""Characters of what fits in a narrow column."""
MOST_ROWS = 50
MOST_COLUMNS = 12

Mark = Literal["", "right", "wrong"]


class Said(NamedTuple):
    """A cell, and whether what it says is right."""

    text: str
    mark: Mark = ""


class Parsed(NamedTuple):
    """A Markdown table."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def of(self, title: str) -> tuple[str, ...]:
        """The cells of a column; none of one that it does not have."""
        if title not in self.columns:
            return ()
        place = self.columns.index(title)
        return tuple(row[place] for row in self.rows)


@dataclass(frozen=True)
class Example:
    """One example. given: what is the same for all methods. lines: each method with its own cells.

    picture: the address of what it is about; empty where that is not known.
    """

    given: tuple[str, ...]
    lines: tuple[tuple[str, tuple[Said, ...]], ...]
    picture: str = ""


@dataclass(frozen=True)
class Examples:
    """Examples side by side. given, own: headings of the columns before and after that of the method."""

    given: tuple[str, ...]
    own: tuple[str, ...]
    examples: tuple[Example, ...]

    @property
    def methods(self) -> tuple[str, ...]:
        """Those that have something of their own."""
        return tuple(label for label, _ in self.examples[0].lines) if self.examples else ()

    @property
    def compact(self) -> bool:
        """Whether what methods say is short enough for a column each."""
        said = [cells for example in self.examples for _, cells in example.lines]
        return bool(said) and len(self.own) == 1 and all(len(cells[0].text) <= SHORT for cells in said)

    def with_pictures(self, pictures: Sequence[str]) -> Examples:
        """The same with a picture of each."""
        pairs = zip(self.examples, pictures, strict=True)
        return replace(self, examples=tuple(replace(example, picture=picture) for example, picture in pairs))


def parse(text: str) -> Parsed | None:
    """A text that is one Markdown table, as `bench.tasks.parts.samples` writes it; None where it is anything else."""
    lines = text.strip().splitlines()
    if len(lines) < 3 or not all(line.startswith("|") and line.endswith("|") for line in lines):
        return None
    cells = [[_cell(part) for part in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    columns = cells[0]
    if not all(re.fullmatch(r":?-+:?", part) for part in cells[1]):
        return None
    if len(columns) > MOST_COLUMNS or any(len(row) != len(columns) for row in cells):
        return None
    return Parsed(tuple(columns), tuple(map(tuple, cells[2 : 2 + MOST_ROWS])))


def side_by_side(tables: Mapping[str, Parsed]) -> Examples | None:
    """The tables of several methods, by label, as one; None where they are not about the same examples.

    A column that all methods have, and in which they agree cell by cell, is what was given; a method's own are the
    others, and those that can be right or wrong. Which a method lacks is empty.
    """
    first, *others = tables.values()
    given = [
        title
        for title in first.columns
        if not _judged(first.columns, title) and all(other.of(title) == first.of(title) for other in others)
    ]
    if not given or any(len(other.rows) != len(first.rows) for other in others):
        return None
    every = dict.fromkeys(title for table in tables.values() for title in table.columns)
    own = [title for title in every if title not in given]
    examples = [
        Example(
            tuple(first.of(title)[i] for title in given),
            tuple((name(label), _own(table, i, own)) for label, table in tables.items()) if own else (),
        )
        for i in range(len(first.rows))
    ]
    return Examples(tuple(given), tuple(own), tuple(examples))


def _own(table: Parsed, row: int, titles: Sequence[str]) -> tuple[Said, ...]:
    return tuple(
        Said(table.of(title)[row], _mark(table, row, title)) if title in table.columns else Said("") for title in titles
    )


def _mark(table: Parsed, row: int, title: str) -> Mark:
    if not _judged(table.columns, title):
        return ""
    truth = next(truth for truth in TRUTHS if truth in table.columns)
    return "right" if table.of(title)[row].casefold() == table.of(truth)[row].casefold() else "wrong"


def _judged(columns: Sequence[str], title: str) -> bool:
    """Whether a column stands right of one of what is right."""
    truths = [columns.index(truth) for truth in TRUTHS if truth in columns]
    return bool(truths) and columns.index(title) > truths[0] and title not in UNJUDGED


def _cell(text: str) -> str:
    return cut(text.strip().replace("\\|", "|"))
