"""What is known of one effect, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from bench.effects.gather import Asked
from bench.noise.noise import Place
from bench.statistics.effect import Effect
from bench.statistics.pooling import Pooled

Kind: TypeAlias = Literal["loss", "interaction", "all losses", "codebook use", "base"]


@dataclass(frozen=True)
class Row:
    """One effect on one metric in one place.

    design: what it is an effect within, such as "lgvq on vqgan". change: what is there with and not without, such as
    "gsa", "gsa x mtp", "init=features"; against: what is there instead, empty where it is nothing. effect: None where
    nothing can be told, and `why` says why. p: adjusted (Holm) over the effects of one kind of a design, where that is
    losses or interactions. with_, without: trainings. pairs: of settings that differ in nothing else; of a loss, half
    the subsets.
    """

    place: Place
    title: str
    kind: Kind
    design: str
    change: str
    against: str
    metric: Asked
    effect: Effect | None
    p: float | None
    with_: int
    without: int
    pairs: int
    why: str = ""


@dataclass(frozen=True)
class PooledRow:
    """One effect over several bases and data sets, whose effects may differ.

    rows: what is pooled. p: adjusted as that of a row.
    """

    rows: tuple[Row, ...]
    pooled: Pooled
    p: float

    @property
    def effect(self) -> Effect:
        """The mean over settings like these."""
        return self.pooled.effect


@dataclass(frozen=True)
class Incomplete:
    """A design that lacks subsets, in some tasks. missing: the subsets, empty where they are too many to list.

    ambiguous: how many rows may be the base alone, where it cannot be told which is. seeds: trainings, the fewest and
    most of a subset.
    """

    title: str
    design: str
    present: int
    subsets: int
    missing: tuple[tuple[str, ...], ...]
    ambiguous: int
    seeds: tuple[int, int]
    tasks: tuple[str, ...]


@dataclass(frozen=True)
class Effects:
    """All effects of a folder of records, in a fixed order."""

    rows: tuple[Row, ...]
    pooled: tuple[PooledRow, ...]
    incomplete: tuple[Incomplete, ...]
