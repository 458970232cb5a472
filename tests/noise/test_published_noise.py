"""What is committed of noise: the page shows what the file says."""

from __future__ import annotations

from bench.noise.noise import FILE, read
from bench.noise.report import to_markdown
from bench.system.files import ROOT


def test_the_page_of_tasks_shows_the_committed_noise() -> None:
    rows_of_file = to_markdown(read(ROOT / "results" / FILE)).splitlines()
    part = (ROOT / "docs/tasks.md").read_text(encoding="utf-8").split("## How finely a task tells methods apart")[1]
    rows = [line for line in part.split("\n## ")[0].splitlines() if line.startswith("| ")]
    assert not [row for row in rows if row not in rows_of_file]
    assert rows or not (ROOT / "results" / FILE).exists()
