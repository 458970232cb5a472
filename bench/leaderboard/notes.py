"""Footnotes of the leaderboard: why values are missing, and what a reader should know about those that are there."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from bench.contracts.metric import MetricName
from bench.records import alarms
from bench.records.record import Record, seeds_shown

NO_RECORD = "no record"
"""Note for a method that has no record of this task."""

FRECHET = "fd"
"""The metric `fd`, which is named with the network that it is measured with: "fd_tinyclip"."""


def notes(records: Sequence[Record], elsewhere: bool, images: Mapping[str, int], unreadable: set[str]) -> list[str]:
    """The notes of one row, without repetition.

    Args:
        records: of one method and task, one a pair of seeds; may be empty.
        elsewhere: whether the method has a record of this task under another protocol.
        images: how many images of each split the methods of the section used.
        unreadable: keys of records whose per-example scores cannot be read.
    """
    if not records:
        return ["has this task under another protocol only, see the next table" if elsewhere else NO_RECORD]
    lines = []
    for record in records:
        seeds = f"{seeds_shown(record.seed, record.fit_seed)} " if len(records) > 1 else ""
        lines += [f"{seeds}{line}" for line in _of_record(record, images, record.key in unreadable)]
    if len({record.code for record in records}) > 1:
        lines.append("its seeds ran different versions of the code")
    fits = Counter(record.seed for record in records if record.status == "ok").values()
    if max(fits, default=1) > 1:
        lines.append(f"mean of {min(fits)}{f' to {max(fits)}' if max(fits) > min(fits) else ''} fits a training")
    return list(dict.fromkeys(lines))


def far_from_controls(records: Sequence[Record], references: Sequence[Sequence[Record]]) -> list[str]:
    """Warnings where a method is far off the controls that have a codebook and ran the same seeds.

    Args:
        records: successful ones of a method, one a seed.
        references: the same of each control and each blind baseline.
    """
    seeds = {record.seed for record in records}
    controls = [
        _frechet_distances(of_row)
        for of_row in references
        if {record.seed for record in of_row} == seeds
        and all(record.method.control and "usage" in record.metrics for record in of_row)
    ]
    if not controls:
        return []
    return [f"warning: {alarm}" for alarm in alarms.far_from_control(_frechet_distances(records), controls)]


def _of_record(record: Record, images: Mapping[str, int], unreadable: bool) -> list[str]:
    if record.status != "ok":
        return [f"{record.status}: {record.reason}"]
    used = [f"{n:,} {split}" for split, n in sorted(record.dataset.used.items()) if n != images[split]]
    lines = [f"used other images than most: {', '.join(used)}"] if used else []
    if unreadable:
        lines.append("per-example scores are missing or broken")
    return [*lines, *(f"warning: {warning}" for warning in record.warnings)]


def _frechet_distances(records: Sequence[Record]) -> dict[str, float]:
    """Means over seeds by name. Left out is the floor, a property of the data, which has no direction."""
    values: dict[str, list[float]] = {}
    for record in records:
        for name, measured in record.metrics.items():
            if MetricName.parse(name, (FRECHET,)).metric == FRECHET and measured.higher_is_better is False:
                values.setdefault(name, []).append(measured.value)
    return {name: math.fsum(of_seeds) / len(of_seeds) for name, of_seeds in values.items()}
