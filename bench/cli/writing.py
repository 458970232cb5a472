"""Commands that write what the records say: the leaderboard, the report, all of it as one table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from bench.cli.stored import read
from bench.errors import UsageError
from bench.system import terminal

Results = Annotated[Path, typer.Option("--results", help="Folder of records.")]


def leaderboard(
    results: Results = Path("results"),
    output: Annotated[Path | None, typer.Option("--output", help="File to write; else it is printed.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Compare with the file, change nothing.")] = False,
    form: Annotated[Literal["md", "csv", "json", "tex", "parquet"], typer.Option("--format")] = "md",
) -> None:
    """Make the leaderboard from the records, and from nothing else."""
    from bench.leaderboard.board import render
    from bench.leaderboard.formats import WRITERS, differences, to_parquet
    from bench.system.files import write_atomic

    if form == "parquet" and (output is None or check):
        raise UsageError("--format parquet is no text: it needs --output FILE and cannot be compared by --check")
    store, stored = read(results)
    board = render(stored.records, store, stored.problems)
    if form == "parquet":
        assert output is not None
        write_atomic(output, to_parquet(board))
        return
    text = WRITERS[form](board)
    if check:
        changed = differences(text, output or Path("leaderboard.md"))
        terminal.show("\n".join(changed) if changed else "the leaderboard is what the records say")
        raise typer.Exit(1 if changed or stored.problems else 0)
    if output is None:
        terminal.show(text, end="")
    else:
        write_atomic(output, text.encode())


def report(
    results: Results = Path("results"),
    output: Annotated[Path, typer.Option("--output", help="File to write.")] = Path("report.html"),
) -> None:
    """Write all that the records say as one HTML file, to be opened from disk."""
    from bench.leaderboard.board import render
    from bench.report.page import to_html
    from bench.system.files import write_atomic

    store, stored = read(results)
    board = render(stored.records, store, stored.problems)
    write_atomic(output, to_html(board, stored.records, store).encode())


def export(
    results: Results = Path("results"),
    form: Annotated[Literal["parquet", "csv"], typer.Option("--format")] = "csv",
    output: Annotated[Path | None, typer.Option("--output", help="File to write; else CSV is printed.")] = None,
) -> None:
    """All records as one table, a row for each record and metric, for notebooks and spreadsheets."""
    from bench.records.export import to_csv, to_parquet
    from bench.system.files import write_atomic

    if form == "parquet" and output is None:
        raise UsageError("--format parquet is no text: it needs --output FILE")
    records = read(results)[1].records
    if output is None:
        terminal.show(to_csv(records), end="")
    else:
        write_atomic(output, to_parquet(records) if form == "parquet" else to_csv(records).encode())
