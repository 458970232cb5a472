"""What is committed: leaderboards are what the records say, and the pages quote them."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path
from typing import Any

import pytest

from bench.leaderboard.board import render
from bench.leaderboard.formats import WRITERS, differences
from bench.records.store import RecordStore
from bench.system.files import ROOT

BOARDS = {ROOT / "results": ROOT / "leaderboard.md", ROOT / "docs/codebook-size": ROOT / "docs/codebook-size.md"}
QUOTES = {
    ROOT / "README.md": ("## Read the board", "## What comes with it"),
    ROOT / "docs/tasks.md": ("## Text to image", "## Completion"),
    ROOT / "docs/methods.md": ("## Reconstruction", "One training each at"),
}
"""Where a page begins to quote leaderboard.md, and where it ends."""
ORDER = "From worst to best, "
"""How the sentence on the order of controls begins."""


@pytest.mark.parametrize("results", BOARDS, ids=lambda path: path.name)
def test_a_committed_leaderboard_is_what_its_records_say(results: Path) -> None:
    store = RecordStore(results)
    read = store.all()
    assert read.records
    assert not read.problems
    assert not differences(WRITERS["md"](render(read.records, store)), BOARDS[results])


@pytest.mark.parametrize("results", BOARDS, ids=lambda path: path.name)
def test_committed_records_can_be_compared_example_by_example(results: Path) -> None:
    store = RecordStore(results)
    for record in store.all().records:
        if record.status == "ok":
            scores = store.scores(record)
            assert scores
            folder = store.path_of(record).parent
            assert all((folder / name).stat().st_size for name in record.samples)


def test_three_hundred_records_like_the_committed_ones_take_less_than_15_megabytes() -> None:
    records = len(RecordStore(ROOT / "results").all().records)
    size = sum(path.stat().st_size for path in (ROOT / "results").rglob("*") if path.is_file())
    assert 300 * size / records < 15e6


@pytest.mark.parametrize("page", QUOTES, ids=lambda path: path.name)
def test_a_page_quotes_the_committed_leaderboard(page: Path) -> None:
    """Every table row of the page's part stands in the leaderboard."""
    begin, end = QUOTES[page]
    rows_of_board = (ROOT / "leaderboard.md").read_text(encoding="utf-8").splitlines()
    part = page.read_text(encoding="utf-8").split(begin)[1].split(end)[0]
    rows = [line for line in part.splitlines() if line.startswith("| ")]
    assert len(rows) >= 6
    assert not [row for row in rows if row not in rows_of_board]


def test_the_page_of_tasks_quotes_what_each_table_says_of_the_order_of_controls() -> None:
    said = [line for line in (ROOT / "leaderboard.md").read_text(encoding="utf-8").splitlines() if ORDER in line]
    part = (ROOT / "docs/tasks.md").read_text(encoding="utf-8").split("## Can a task tell codebooks apart?")[1]
    quoted = re.findall(r"^- `[a-z0-9-]+`: (.*)$", part.split("\n## ")[0], re.MULTILINE)
    assert quoted == said


def test_the_table_of_usage_is_what_the_records_say() -> None:
    page = (ROOT / "docs/methods.md").read_text(encoding="utf-8").split("## Codebook size")[1].split("\n## ")[0]
    table = [[part.strip() for part in line.strip("| ").split("|")] for line in page.splitlines() if line[:2] == "| "]
    usage = {
        (
            record.method.name,
            record.method.arguments.get("init"),
            record.method.arguments["codes"] or 512,
        ): record.metrics["usage"].value
        for record in RecordStore(ROOT / "docs/codebook-size").all().records
        if record.method.name != "blind"
    }
    header, *rows = table
    assert len(rows) >= 5
    for name, *values in rows:
        method, _, init = name.strip("`").partition(" init=")
        default = "uniform" if (method, "uniform", 512) in usage else None
        for codes, value in zip(header[1:], values, strict=True):
            if value != "—":
                assert value == f"{usage[method, init or default, int(codes.replace(',', ''))]:.3f}"


def test_the_notebook_page_prints_what_it_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    """All blocks run one after the other, as in a notebook, from the project's folder."""
    page = (ROOT / "docs/notebooks.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```\n\n```\n(.*?)```", page, re.DOTALL)
    monkeypatch.chdir(ROOT)
    names: dict[str, Any] = {}
    assert len(blocks) == 4
    for code, shows in blocks:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(code, names)
        assert [line.rstrip() for line in printed.getvalue().splitlines()] == shows.splitlines()
