"""Records as files for other programs: one row a record and metric, with what the record cost."""

from __future__ import annotations

import csv
import functools
import io
from collections.abc import Iterator, Sequence, Set
from itertools import islice
from typing import TYPE_CHECKING, Any

from bench.records.frame import COLUMNS, Texts, newest, rows_of, to_frame
from bench.records.record import Record
from bench.system.terminal import visible

if TYPE_CHECKING:
    import pandas as pd

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""Beginnings of cells that spreadsheets work out; the last four are the first four, twice as wide."""
COUNTS = "counts"
"""The column that says whether a record counts, see `newest`, or another of the same cell has replaced it."""
COST = "cost_"
"""What the names of columns of costs begin with."""
AT_ONCE = 1_000
"""Records that are made a frame, and a group of rows of the Parquet file."""


def to_csv(records: Sequence[Record]) -> str:
    r"""The columns of `bench.records.frame.to_frame`, then `COUNTS`, then one a cost; all rows of a record repeat it.

    A record without values has one row, which says why. What is missing is an empty field. Trials of `tune` are left
    out. Text that a spreadsheet would take for a formula has an apostrophe before it, which spreadsheets do not show;
    what a terminal would act on is an escape, as in "\x1b[31m".
    """
    return "".join(csv_parts(records))


def csv_parts(records: Sequence[Record]) -> Iterator[str]:
    """The text of `to_csv` in parts of some thousand rows, for where it is too long to hold."""
    held = [record for record in records if record.kind == "run"]
    names, counting, texts, rest = _costs(held), _counting(held), Texts(), iter(held)
    yield _lines([[*COLUMNS, COUNTS, *(visible(COST + name) for name in names)]])
    while part := list(islice(rest, AT_ONCE)):
        rows = []
        for record in part:
            after = record.key in counting, *(record.cost.get(name) for name in names)
            rows += [[*map(_harmless, row), *after] for row in rows_of(record, texts)]
        yield _lines(rows)


def to_parquet(records: Sequence[Record]) -> bytes:
    """The same rows and columns with their types, texts as they are: what a reader of Parquet gets are values."""
    import pyarrow as pa  # type: ignore[import-untyped]
    from pyarrow import parquet

    held = [record for record in records if record.kind == "run"]
    names, counting = _costs(held), _counting(held)
    schema = pa.Schema.from_pandas(_frame([], names, counting), preserve_index=False)
    file = io.BytesIO()
    with parquet.ParquetWriter(file, schema) as writer:
        for start in range(0, len(held), AT_ONCE):
            frame = _frame(held[start : start + AT_ONCE], names, counting)
            writer.write_table(pa.Table.from_pandas(frame, schema, preserve_index=False))
    return file.getvalue()


def _frame(records: Sequence[Record], costs: Sequence[str], counting: Set[str]) -> pd.DataFrame:
    import pandas as pd

    rows = [max(len(record.metrics), 1) for record in records]
    of_cost = pd.DataFrame([[record.cost.get(name) for name in costs] for record in records], columns=list(costs))
    of_cost = of_cost.astype("float64").add_prefix(COST)
    of_cost.insert(0, COUNTS, pd.Series([record.key in counting for record in records], dtype="bool"))
    repeated = of_cost.loc[of_cost.index.repeat(rows)].reset_index(drop=True)
    return pd.concat([to_frame(records), repeated], axis="columns")


def _counting(records: Sequence[Record]) -> Set[str]:
    """The keys of the records that count."""
    return {record.key for record in newest(records)}


def _costs(records: Sequence[Record]) -> list[str]:
    return sorted({name for record in records for name in record.cost})


def _lines(rows: Sequence[Sequence[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _harmless(value: Any) -> Any:
    return _text(value) if isinstance(value, str) else value


@functools.lru_cache(maxsize=2**12)
def _text(text: str) -> str:
    shown = visible(text)
    return f"'{shown}" if shown.startswith(FORMULA) else shown
