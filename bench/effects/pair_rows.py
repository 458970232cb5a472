"""The effect of codebook use, or of the base, on one metric, from all trainings of matched pairs."""

from __future__ import annotations

from collections.abc import Sequence

from bench.effects.gather import Asked
from bench.effects.loss_rows import contrast, trainings, why
from bench.effects.matched import Matched
from bench.effects.naming import Names
from bench.effects.rows import Row
from bench.statistics.trainings import Trainings


def pair_row(
    matched: Matched, metric: Asked, tables: Sequence[tuple[Trainings | None, Trainings | None]], names: Names
) -> Row:
    """The mean difference of pairs, those that have the metric on both sides.

    Args:
        tables: with and without, of each pair.
    """
    both = [(a, b) for a, b in tables if a is not None and b is not None]
    effect = contrast([a for a, _ in both], [b for _, b in both], [])
    counts = trainings(a for a, _ in both), trainings(b for _, b in both)
    return Row(
        place=matched.place,
        title=names.title(matched.place),
        kind=matched.kind,
        design=names.shared(matched.setting),
        change=matched.change,
        against=matched.against,
        metric=metric,
        effect=effect,
        p=None if effect is None else effect.p(),
        with_=counts[0],
        without=counts[1],
        pairs=len(both),
        why="" if effect is not None else why([a for a, _ in both] or [None], *counts),
    )
