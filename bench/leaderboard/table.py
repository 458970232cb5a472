"""What a table of the leaderboard is made of, as data."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from bench.leaderboard.comparison import TableValue
from bench.leaderboard.rates import Rate
from bench.noise.noise import Noise
from bench.records.record import Record
from bench.records.store import RecordStore
from bench.statistics.effect import Effect


@dataclass(frozen=True)
class Column:
    """A metric, or a cost, which has no direction here."""

    name: str
    higher_is_better: bool | None
    unit: str


@dataclass(frozen=True)
class Row:
    """A method with certain arguments. values: one a column, None where it is missing. notes: become footnotes.

    reference: a blind baseline or a control, which is shown beside the methods but not ranked among them.
    rate: what its codes cost, None where it has none or its records do not say. base: the label of the method that it
    is compared with. difference: of the headline metric, to the base. rank: the first and last that it may have by the
    headline metric. train_s: mean seconds of a training.
    """

    label: str
    reference: bool
    values: tuple[TableValue | None, ...]
    notes: tuple[str, ...] = ()
    rate: Rate | None = None
    base: str | None = None
    difference: Effect | None = None
    rank: tuple[int, int] | None = None
    train_s: float | None = None


@dataclass(frozen=True)
class Table:
    """Rows, best first within a class of equal bits an image, then controls and blind baselines.

    differs: what sets this protocol apart from the task's first table. unmeasured: metrics that some record lacks, and
    why. noise: of the headline metric, where it is known.
    """

    title: str
    protocol: str
    differs: tuple[str, ...]
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    unmeasured: tuple[str, ...] = ()
    noise: Noise | None = None

    @property
    def headline(self) -> int | None:
        """The column that rows are ordered and compared by: the first with a direction."""
        return next((i for i, column in enumerate(self.columns) if column.higher_is_better is not None), None)


@dataclass(frozen=True)
class Scope:
    """What a table is to show beside its records.

    method_of: the row that a record belongs to. labels: the rows, whether or not they have a record.
    references: those of them that are controls or blind baselines.
    bases: what a row is compared with.
    images: how many of each split the section's methods used; a row that used others says so.
    store: where per-example scores are; None where they are not to be used.
    rates: of the rows.
    noises: what is known of the noise of any metric.
    elsewhere: rows that have a record of this task under another protocol.
    differs: what sets this protocol apart from the task's first table.
    """

    method_of: Callable[[Record], Hashable]
    labels: Mapping[Hashable, str]
    references: AbstractSet[Hashable]
    bases: Mapping[Hashable, Hashable]
    images: Mapping[str, int]
    store: RecordStore | None
    rates: Mapping[Hashable, Rate | None] = field(default_factory=dict)
    noises: Sequence[Noise] = ()
    elsewhere: AbstractSet[Hashable] = frozenset()
    differs: Sequence[str] = ()
