"""Rate and distortion: what methods of any number of bits make of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from bench.contracts.metric import MetricName
from bench.leaderboard.comparison import TableValue, plain
from bench.leaderboard.table import Column, Row, Table

PERPLEXITY = "perplexity"
"""The metric that makes a table one of rate and distortion: two to the entropy of the codes at a position."""
RATES = (
    Column("bits a position", None, ""),
    Column("bits an image", None, ""),
    Column("entropy a position", None, "bit"),
    Column("entropy an image", None, "bit"),
)


def rate_table(tables: Sequence[Table]) -> Table | None:
    """Bits, and the main metrics of the first table that has the perplexity of codes; all methods, fewest bits first.

    Nominal bits are log2 K for each code. The entropy of how often codes are chosen is what a perfect coder of single
    positions would need, with both levels of residual codes taken together. Nothing is bold, since methods of unequal
    bits do not compete.

    Returns:
        None where no record says what codes cost.
    """
    for table in tables:
        names = [column.name for column in table.columns]
        if PERPLEXITY in names and any(row.rate for row in table.rows):
            perplexity = names.index(PERPLEXITY)
            shown = [
                i
                for i, c in enumerate(table.columns)
                if c.higher_is_better is not None and MetricName.parse(c.name).main
            ]
            rows = [
                Row(row.label, row.reference, (*_rates(row, perplexity), *(_unmarked(row.values[i]) for i in shown)))
                for row in sorted(table.rows, key=lambda row: row.rate.of_image if row.rate else math.inf)
                if any(value is not None for value in row.values)
            ]
            return Table("rate and distortion", "", (), (*RATES, *(table.columns[i] for i in shown)), tuple(rows))
    return None


def _rates(row: Row, perplexity: int) -> list[TableValue | None]:
    value = row.values[perplexity]
    if row.rate is None:
        return [None] * len(RATES)
    entropy = None if value is None else math.log2(value.mean)
    bits = [row.rate.bits, row.rate.of_image, entropy, None if entropy is None else entropy * row.rate.positions]
    return [None if number is None else plain(number) for number in bits]


def _unmarked(value: TableValue | None) -> TableValue | None:
    return None if value is None else replace(value, best=False)
