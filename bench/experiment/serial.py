"""One group after another in this process."""

from __future__ import annotations

from bench.experiment.cell import Place, run_group
from bench.experiment.request import Cell
from bench.records.record import Record


def run(groups: list[list[Cell]], place: Place) -> list[Record]:
    """Run all groups and return their records, which are in the store as well."""
    return [record for cells in groups for record in run_group(cells, place)]
