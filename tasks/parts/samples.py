"""Samples for a person to look at: which examples of a split are shown, and how."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import numpy as np

SHOWN = 8


def evenly_spaced(count: int) -> np.ndarray:
    """Numbers int64 of at most `SHOWN` of `count` examples, evenly spaced, the first and the last among them."""
    return np.linspace(0, count - 1, min(SHOWN, count)).astype(int)


def markdown_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], numbers: Collection[str] = ("image",)
) -> str:
    """A Markdown table.

    Args:
        columns: their headings. rows: a value for each column.
        numbers: the columns that are set flush right.
    """
    rules = ["--:" if column in numbers else "---" for column in columns]
    lines = [" | ".join(map(str, row)) for row in (columns, *rows)]
    return "".join(
        f"{line}\n" for line in (f"| {lines[0]} |", f"|{'|'.join(rules)}|", *(f"| {x} |" for x in lines[1:]))
    )
