"""Tables of the page, as data: columns, and rows of cells that say what is shown and what is sorted by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, TypedDict

from bench.leaderboard.cells import cost_shown, decimals_of, difference_shown, parts_of, rank_shown, rate_shown, shown
from bench.leaderboard.comparison import TableValue
from bench.leaderboard.notes import NO_RECORD
from bench.leaderboard.table import Column, Row, Table
from bench.report.places import Kind, kind_of
from bench.report.text import cut, name

Cell: TypeAlias = Sequence[Any] | Mapping[str, str] | str | int | None
"""Text; a number; (text, number to sort by), and 1 where it is marked as best; {"to": the key of a record}; None where
there is nothing."""


class Heading(TypedDict, total=False):
    """A column. better: "higher", "lower" or nothing. filter: whether rows can be chosen by its values. wide: prose."""

    name: str
    unit: str
    better: str
    filter: bool
    number: bool
    wide: bool


class Grid(TypedDict):
    """A table. caption: for those who cannot see what stands above it."""

    caption: str
    columns: list[Heading]
    rows: list[list[Cell]]


WHO: tuple[Heading, ...] = ({"name": "method"}, {"name": "kind", "filter": True})


def task_grid(table: Table, caption: str, notes: Sequence[str]) -> Grid:
    """Methods by main metrics, with the difference to the base, ranks, seeds, bits and cost where there are any."""
    main, headline = parts_of(table)[0], table.headline
    numbers = {note: number for number, note in enumerate(notes, 1)}
    rows = measured_rows(table)
    extra: list[tuple[Heading, list[Cell]]] = []
    if headline is not None:
        decimals = decimals_of(table, headline)
        unit = f"{cut(table.columns[headline].name, 40)} against its base"
        differences: list[Cell] = [
            None if row.difference is None else
            (f"{difference_shown(row.difference, decimals)} ({name(row.base or '')})", row.difference.estimate)
            for row in rows
        ]  # fmt: skip
        extra += [
            ({"name": unit, "number": True}, differences),
            (_number("rank"), [None if r.rank is None else (rank_shown(r.rank), sum(r.rank) / 2) for r in rows]),
            (_number("seeds"), [_whole(_value(row, headline, "seeds")) for row in rows]),
            (_number("n"), [_whole(_value(row, headline, "n")) for row in rows]),
        ]
    extra += [
        (_number("bits an image"), [None if r.rate is None else (rate_shown(r.rate), r.rate.of_image) for r in rows]),
        (_number("train s"), [None if r.train_s is None else (cost_shown(r.train_s), r.train_s) for r in rows]),
    ]
    extra = [column for column in extra if any(cell is not None for cell in column[1])]
    return {
        "caption": caption,
        "columns": [*WHO, *_headings(table, main), *(heading for heading, _ in extra)],
        "rows": [
            [_label(row, numbers), kind_of(row), *values, *(cells[i] for _, cells in extra)]
            for i, (row, values) in enumerate(zip(rows, _values(table, rows, main), strict=True))
        ],
    }


def plain_grid(table: Table, columns: Sequence[int], caption: str, kinds: Mapping[str, Kind] | None = None) -> Grid:
    """Methods by some columns of a table. kinds: of the rows, where the table does not know them."""
    rows, known = measured_rows(table), kinds or {}
    return {
        "caption": caption,
        "columns": [*WHO, *_headings(table, columns)],
        "rows": [
            [name(row.label), known.get(row.label, kind_of(row)), *values]
            for row, values in zip(rows, _values(table, rows, columns), strict=True)
        ],
    }


def measured_rows(table: Table) -> list[Row]:
    """The rows that have a record; the others stand in the table of what is missing."""
    return [row for row in table.rows if list(row.notes) != [NO_RECORD]]


def notes_of(table: Table) -> list[str]:
    """The notes of all rows, each once."""
    return list(dict.fromkeys(note for row in measured_rows(table) for note in row.notes))


def _headings(table: Table, columns: Sequence[int]) -> list[Heading]:
    return [_heading(table.columns[i]) for i in columns]


def _heading(column: Column) -> Heading:
    better = {True: "higher", False: "lower", None: ""}[column.higher_is_better]
    return {"name": name(column.name), "unit": name(column.unit), "better": better, "number": True}


def _number(title: str) -> Heading:
    return {"name": title, "number": True}


def _values(table: Table, rows: Sequence[Row], columns: Sequence[int]) -> list[list[Cell]]:
    """The cells of each row."""
    decimals = {i: decimals_of(table, i) for i in columns}
    return [[_cell(row.values[i], decimals[i]) for i in columns] for row in rows]


def _cell(value: TableValue | None, decimals: int) -> Cell:
    if value is None:
        return None
    return (shown(value, decimals), value.mean, 1) if value.best else (shown(value, decimals), value.mean)


def _value(row: Row, column: int, what: str) -> int | None:
    value = row.values[column]
    return None if value is None else getattr(value, what)


def _whole(number: int | None) -> Cell:
    return None if number is None else (f"{number:,}", number)


def _label(row: Row, numbers: Mapping[str, int]) -> str:
    return name(row.label) + "".join(f" [{numbers[note]}]" for note in row.notes)
