"""The command that writes the report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.stored import read


def report(
    results: Annotated[Path, typer.Option("--results", help="Folder of records.")] = Path("results"),
    output: Annotated[Path, typer.Option("--output", help="File to write.")] = Path("report.html"),
) -> None:
    """Write all that the records say as one HTML file, to be opened from disk."""
    from bench.leaderboard.board import render
    from bench.report.page import to_html
    from bench.system.files import write_atomic

    store, stored = read(results)
    board = render(stored.records, store, stored.problems)
    write_atomic(output, to_html(board, stored.records, store).encode())
