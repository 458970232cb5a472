"""One group after another in this process."""

from __future__ import annotations

from bench.cell import OnRecord, Place, run_group
from bench.experiment import Cell


def run(groups: list[list[Cell]], place: Place, on_record: OnRecord) -> None:
    """Run all groups; records go to the store and, one by one, to `on_record`."""
    for cells in groups:
        run_group(cells, place, on_record)
