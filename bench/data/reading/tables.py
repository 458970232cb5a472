"""Tables of text that users and programs write: CSV and its relatives, with a first line that names the columns."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from bench.data.reading.caption_texts import column
from bench.data.reading.paths import read_text
from bench.errors import DataError

DELIMITERS = ",;\t|"
SWALLOWED = re.compile(r"\n[^\n,;\t|]+\.(jpe?g|png|webp|avif|bmp|gif|tiff?|jfif)\"?\s*[,;\t|]", re.IGNORECASE)
"""The start of another row within a field: a quotation mark was opened and not closed."""


class Table(NamedTuple):
    """columns: as `caption_texts.column` gives them. rows: (number of the line, fields by column) each."""

    columns: tuple[str, ...]
    rows: Iterator[tuple[int, dict[str, str]]]


def read_table(path: Path, wanted: Sequence[Callable[[str], bool]]) -> Table:
    """A table that separates by commas, semicolons, tabs or "|", whichever finds a column of each kind that is wanted.

    Raises:
        DataError: it cannot be read or, while rows are read, one has more fields than there are columns.
    """
    lines = read_text(path).split("\n")
    first = next((number for number, line in enumerate(lines) if line.strip() and not line.startswith("sep=")), 0)
    found = {mark: tuple(map(column, _fields(lines[first], mark))) for mark in DELIMITERS}
    suits = [mark for mark, names in found.items() if all(any(map(kind, names)) for kind in wanted)]
    mark = suits[0] if suits else max(found, key=lambda mark: len(found[mark]))
    return Table(found[mark], _rows(path, lines[first + 1 :], mark, found[mark], first + 1))


def _fields(line: str, mark: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=mark, skipinitialspace=True), [])
    except csv.Error:
        return [line[:80]]


def _rows(
    path: Path, lines: list[str], mark: str, names: tuple[str, ...], above: int
) -> Iterator[tuple[int, dict[str, str]]]:
    quoting: Literal[0, 3] = (
        csv.QUOTE_NONE if mark == "|" else csv.QUOTE_MINIMAL
    )  # those who separate by | quote nothing
    reader = csv.reader(
        io.StringIO("\n".join(lines), newline=""), delimiter=mark, skipinitialspace=True, quoting=quoting
    )
    number = above + 1
    try:
        for fields in reader:
            while len(fields) > len(names) and not fields[-1].strip():
                fields.pop()
            if len(fields) > len(names):
                raise DataError(
                    f"{path}, line {number}: {len(fields)} fields where the first line names {len(names)}; "
                    f"a caption that holds {mark!r} must stand in quotation marks"
                )
            if any(SWALLOWED.search(field) for field in fields):
                raise DataError(f"{path}, line {number}: a quotation mark is opened and not closed")
            if fields:
                yield number, dict(zip(reversed(names), reversed(_filled(fields, len(names))), strict=True))
            number = above + reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{path}, line {number}: is not CSV: {error}") from error


def _filled(fields: list[str], count: int) -> list[str]:
    return [*fields, *[""] * (count - len(fields))]
