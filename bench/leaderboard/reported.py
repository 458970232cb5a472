"""What the LG-VQ paper reports, beside what was measured on the same data set.

The numbers are those of its tables (Liang et al., NeurIPS 2024, arXiv 2405.14206): single trainings without seeds or
intervals, under a protocol that its authors did not release, so that they are never compared with ours by a test.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import NamedTuple

from bench.leaderboard.table import Table

PAPER = "arXiv:2405.14206"
MARK = "reported, another protocol"


@dataclass(frozen=True)
class Reported:
    """One number of the paper.

    source: its table or figure. dataset, task: ours. label: the row as it is printed. method: ours, empty where we have
    none. metric: as it is printed. ours: our name of it. scale: our value times this is comparable in size.
    value: as it is printed.
    """

    source: str
    dataset: str
    task: str
    label: str
    method: str
    metric: str
    ours: str
    scale: float
    value: str


class Beside(NamedTuple):
    """A reported number, and what rows of ours say of it: label and value, in the units of the paper."""

    reported: Reported
    measured: tuple[tuple[str, float], ...]


def reported() -> list[Reported]:
    """All numbers, in the order of the paper."""
    text = resources.files("bench.leaderboard").joinpath("reported.csv").read_text(encoding="utf-8")
    return [
        Reported(source, dataset, task, label, method, metric, ours, float(scale), value)
        for source, dataset, task, label, method, metric, ours, scale, value in csv.reader(text.splitlines()[1:])
    ]


def beside(dataset: str, tables: Sequence[Table]) -> list[Beside]:
    """What is reported of a data set, and what was measured on it; of tasks that no table is about, nothing.

    Args:
        dataset: its name.
        tables: of one section; of a task with several protocols all count.
    """
    tasks = {table.title for table in tables}
    numbers = [number for number in reported() if number.dataset == dataset and number.task in tasks]
    return [Beside(number, tuple(_measured(number, tables))) for number in numbers]


def _measured(number: Reported, tables: Iterable[Table]) -> Iterable[tuple[str, float]]:
    for table in tables:
        names = [column.name for column in table.columns]
        if table.title == number.task and number.ours in names:
            for row in table.rows:
                value = row.values[names.index(number.ours)]
                if value is not None and number.method and row.label.split(" (")[0] == number.method:
                    yield row.label, value.mean * number.scale
