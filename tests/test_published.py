"""What is committed: leaderboards are what the records say, and the pages quote them."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.leaderboard import render
from bench.leaderboard_formats import WRITERS, differences
from bench.records import RecordStore
from bench.registry import ROOT

BOARDS = {ROOT / "results": ROOT / "leaderboard.md", ROOT / "docs/codebook-size": ROOT / "docs/codebook-size.md"}
QUOTES = {
    ROOT / "README.md": ("## What comes out", ROOT / "leaderboard.md"),
    ROOT / "docs/methods.md": ("## All methods", ROOT / "leaderboard.md"),
}


@pytest.mark.parametrize("results", BOARDS, ids=lambda path: path.name)
def test_a_committed_leaderboard_is_what_its_records_say(results: Path) -> None:
    store = RecordStore(results)
    found = store.all()
    assert found.records
    assert not found.problems
    assert not differences(WRITERS["md"](render(found.records, store)), BOARDS[results])


@pytest.mark.parametrize("results", BOARDS, ids=lambda path: path.name)
def test_committed_records_can_be_compared_example_by_example(results: Path) -> None:
    store = RecordStore(results)
    for record in store.all().records:
        if record.status == "ok":
            scores = store.scores(record)
            assert scores
            folder = store.path_of(record).parent
            assert all((folder / name).stat().st_size for name in record.samples)


@pytest.mark.parametrize("page", QUOTES, ids=lambda path: path.name)
def test_a_page_quotes_the_committed_leaderboard(page: Path) -> None:
    """Every table row of the page's part stands in the leaderboard."""
    heading, board = QUOTES[page]
    rows_of_board = board.read_text(encoding="utf-8").splitlines()
    part = page.read_text(encoding="utf-8").split(heading)[1].split("\n## ")[0]
    rows = [line for line in part.splitlines() if line.startswith("| ")]
    assert len(rows) >= 6
    assert not [row for row in rows if row not in rows_of_board]
