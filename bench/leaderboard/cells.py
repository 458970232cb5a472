"""What stands in a cell of a table, whatever the format: values, differences, ranks, bits, headings."""

from __future__ import annotations

import math

from bench.contracts.metric import MetricName
from bench.leaderboard.comparison import TableValue
from bench.leaderboard.rates import Rate
from bench.leaderboard.table import Column, Table
from bench.statistics.effect import Effect

WIDE = 8
"""A table with more metrics than this, about what a page is wide, shows the variants ("accuracy/color") in a second."""

HASH_DIGITS = 8
"""Of a protocol's hash, in headings: as good as unique among the few protocols of a task."""

MOST_DECIMALS = 8
"""However small the values of a column are."""

MISSING = "—"
ONE_TRAINING = "°"
"""Beside a difference that says nothing of other trainings."""
DIFFERS = "Not comparable with the first table of this task"


def heading(column: Column) -> str:
    """A column's name, direction and unit."""
    arrow = {True: " ↑", False: " ↓", None: ""}[column.higher_is_better]
    return column.name + arrow + (f" ({column.unit})" if column.unit else "")


def shown(value: TableValue | None, decimals: int) -> str:
    """A value with its interval, "0.978 ± 0.003" or, where that is longer on one side, "0.999 (0.996 to 1.000)"."""
    if value is None:
        return MISSING
    mean = _number(value.mean, decimals)
    if value.low is None or value.high is None:
        return mean
    half = value.half_width
    if half is not None:
        return f"{mean} ± {_width(half, decimals)}"
    return f"{mean} ({_number(value.low, decimals)} to {_number(value.high, decimals)})"


def difference_shown(found: Effect | None, decimals: int) -> str:
    """A difference with its interval and sign, marked where it is about these trainings only."""
    if found is None:
        return MISSING
    text = f"{round(found.estimate, decimals) + 0.0:+,.{decimals}f}"
    if math.isfinite(half := found.half_width()):
        text += f" ± {_width(half, decimals)}"
    return text + (f" {ONE_TRAINING}" if found.training is None else "")


def rank_shown(rank: tuple[int, int] | None) -> str:
    """One place, or the first and the last."""
    if rank is None:
        return MISSING
    return str(rank[0]) if rank[0] == rank[1] else f"{rank[0]}–{rank[1]}"


def rate_shown(rate: Rate | None) -> str:
    """Bits an image, or a dash."""
    return MISSING if rate is None else f"{rate.of_image:,.0f}"


def cost_shown(seconds: float | None) -> str:
    """Whole seconds, or a dash."""
    return MISSING if seconds is None else f"{seconds:,.0f}"


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


def parts_of(table: Table) -> list[list[int]]:
    """Column numbers of the tables to show below each other: all in one, or main metrics and variants."""
    main = [i for i, column in enumerate(table.columns) if MetricName.parse(column.name).main]
    variants = [i for i in range(len(table.columns)) if i not in main]
    return [main, variants] if len(table.columns) > WIDE and main and variants else [main + variants]


def _number(value: float, decimals: int) -> str:
    return f"{round(value, decimals) + 0.0:,.{decimals}f}"  # adding zero turns -0.0 into 0.0


def _width(half: float, decimals: int) -> str:
    """With a digit that is not 0, however many decimals that takes: no interval is without width."""
    if half > 0:
        decimals = max(decimals, min(-math.floor(math.log10(half)), MOST_DECIMALS))
    return _number(half, decimals)


def _values(table: Table, column: int, references: bool) -> list[float]:
    """The numbers of a column, with those of the references or without."""
    values = [row.values[column] for row in table.rows if references or not row.reference]
    return [value.mean for value in values if value is not None]
