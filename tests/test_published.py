"""What is committed: the leaderboard is what the records say."""

from __future__ import annotations

from bench.leaderboard import render
from bench.leaderboard_formats import WRITERS, differences
from bench.records import RecordStore
from bench.registry import ROOT


def test_the_committed_leaderboard_is_what_the_committed_records_say() -> None:
    store = RecordStore(ROOT / "results")
    found = store.all()
    assert found.records
    assert not found.problems
    assert not differences(WRITERS["md"](render(found.records, store)), ROOT / "leaderboard.md")


def test_committed_records_can_be_compared_example_by_example() -> None:
    store = RecordStore(ROOT / "results")
    for record in store.all().records:
        if record.status == "ok":
            scores = store.scores(record)
            assert scores
            folder = store.path_of(record).parent
            assert all((folder / name).stat().st_size for name in record.samples)


def test_readme_shows_the_committed_leaderboard() -> None:
    """Every table row the README quotes stands in leaderboard.md."""
    board = (ROOT / "leaderboard.md").read_text(encoding="utf-8").splitlines()
    part = (ROOT / "README.md").read_text(encoding="utf-8").split("## What comes out")[1].split("\n## ")[0]
    rows = [line for line in part.splitlines() if line.startswith("| ")]
    assert len(rows) >= 6
    assert not [row for row in rows if row not in board]
