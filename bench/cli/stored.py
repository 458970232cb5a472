"""The records that a command reads, and a line for each file among them that is none."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bench.system import terminal

if TYPE_CHECKING:
    from bench.records.store import Found, RecordStore


def read(results: Path) -> tuple[RecordStore, Found]:
    """The store of a folder and all that it holds; what is left out is said on standard error."""
    from bench.records.store import RecordStore

    store = RecordStore(results)
    found = store.all()
    for problem in found.problems:
        terminal.say(terminal.one_line(f"left out: {problem}"))
    return store, found
