"""The commands `effects` and `compare`: what the records prove, and of any two methods."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from bench.cli.stored import read
from bench.system import terminal

Results = Annotated[Path, typer.Option("--results", help="Folder of records.")]


def effects(
    results: Results = Path("results"),
    output: Annotated[Path | None, typer.Option("--output", help="File to write; else it is printed.")] = None,
    form: Annotated[Literal["md", "json", "tex"], typer.Option("--format")] = "md",
) -> None:
    """Say what each loss, codebook use and the base add, how sure that is, and what could have been found."""
    from bench.effects.effect_rows import effects as effects_of
    from bench.effects.formats import WRITERS
    from bench.system.files import write_atomic

    store, stored = read(results)
    text = WRITERS[form](effects_of(stored.records, store))
    if output is None:
        terminal.show(text, end="")
    else:
        write_atomic(output, text.encode())


def compare(
    first: Annotated[str, typer.Argument(help="A method, as the leaderboard labels it.", show_default=False)],
    second: Annotated[str, typer.Argument(help="The one that it is compared with.", show_default=False)],
    task: Annotated[str, typer.Option(help="The task whose metrics are compared.")],
    results: Results = Path("results"),
    dataset: Annotated[str | None, typer.Option("--dataset", help="This data set alone.")] = None,
    preset: Annotated[str | None, typer.Option("--preset", help="This preset alone.")] = None,
) -> None:
    """Compare two methods in one task: difference, interval, what of it comes of trainings and of images."""
    from bench.effects.compare import compare as compare_
    from bench.effects.compare_text import to_text

    store, stored = read(results)
    terminal.show(
        to_text(compare_(stored.records, (first, second), task, store, dataset=dataset, preset=preset)), end=""
    )
