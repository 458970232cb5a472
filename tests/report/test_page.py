"""The report's HTML: complete, harmless, and the same from the same records."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from helpers.made_records import a_record
from helpers.report_records import HOSTILE, SCRIPT, write_records

from bench.leaderboard.board import render
from bench.records.record import DataUsed
from bench.records.store import RecordStore
from bench.report import page as report_page
from bench.report.page import to_html
from bench.system.files import ROOT

MOST = 10_000_000
"""Characters of the page of the committed records."""


class Elements(HTMLParser):
    """Start tags with their attributes, and the text of each script element."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self._inside = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self._inside = tag == "script"
        if self._inside:
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.scripts[-1] += data


def made(root: Path) -> str:
    store = RecordStore(root)
    found = store.all()
    return to_html(render(found.records, store, found.problems), found.records, store)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    write_records(folder)
    return folder


@pytest.fixture(scope="module")
def page(root: Path) -> str:
    return made(root)


def test_it_is_the_same_each_time_whatever_the_order(root: Path, page: str) -> None:
    store = RecordStore(root)
    found = store.all()
    board = render(found.records[::-1], store, found.problems)
    assert to_html(board, sorted(found.records, key=found.records.index), store) == page


def test_nothing_runs_but_the_page_itself(page: str) -> None:
    elements = Elements(page)
    scripts = [attributes.get("type") for tag, attributes in elements.found if tag == "script"]
    assert scripts.count("application/json") == 2
    assert len(scripts) == 6
    policy = next(a["content"] for tag, a in elements.found if tag == "meta" and "http-equiv" in a)
    assert policy is not None
    runs = [text for text, kind in zip(elements.scripts, scripts, strict=True) if kind is None]
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in runs]
    assert re.findall(r"'sha256-([^']+)'", policy) == hashes
    assert "default-src 'none'" in policy
    assert "unsafe-eval" not in policy
    assert "'unsafe-inline'" not in policy.split("script-src")[1].split(";")[0]
    assert not [a for _, attributes in elements.found for a in attributes if a.startswith("on")]


def test_nothing_is_asked_for(page: str) -> None:
    addresses = {
        value
        for _, attributes in Elements(page).found
        for name, value in attributes.items()
        if name in ("src", "href", "action", "data", "srcset", "poster")
    }
    assert all(value is not None and value.startswith(("#", "data:")) for value in addresses)


@pytest.mark.parametrize("name", HOSTILE)
def test_text_of_records_is_shown_as_text(page: str, name: str) -> None:
    outside = re.sub(r"<(script|style)\b.*?</\1>", "", page, flags=re.DOTALL)
    assert SCRIPT not in outside
    assert "<img src=x" not in page
    assert "\x1b" not in page
    assert "\u202e" not in page
    for block in re.findall(r'<script type="application/json" id="\w+">(.*?)</script>', page, re.DOTALL):
        assert not set(block) & set("<>&\u2028\u2029")
        assert json.loads(block)
    data = json.loads(re.findall(r'id="data">(.*?)</script>', page, re.DOTALL)[0])
    (grid,) = (grid for grid in data["grids"].values() if grid["caption"].startswith("vqa,"))
    shown = [str(row[0]) for row in grid["rows"]]
    assert any(label.startswith(name[:5].replace("\x1b", "\\x1b").replace("\u202e", "\\u202e")) for label in shown)


def test_what_is_missing_is_named(page: str) -> None:
    data = json.loads(re.findall(r'id="data">(.*?)</script>', page, re.DOTALL)[0])
    rows = data["grids"]["missing"]["rows"]
    assert ["failed", "emoji-scenes, preset tiny", "vqa", "fsq", "seed 0", "TrainingDiverged: loss is NaN"] in rows
    assert any(row[0] == "skipped" and row[5] == "it has no codebook" for row in rows)
    assert any(row[0] == "not run" and row[3] == "identity" for row in rows)
    assert "Files left out (1)" in page
    assert "broken.json" in page


def test_pictures_that_cannot_be_trusted_are_left_out_with_a_reason(page: str) -> None:
    assert "8000 x 8000 pixels are too many" in page


def test_every_record_has_a_page_with_its_command(page: str, root: Path) -> None:
    details = json.loads(re.findall(r'id="details">(.*?)</script>', page, re.DOTALL)[0])
    keys = {record.key for record in RecordStore(root).all().records}
    assert details["records"].keys() == keys
    for detail, _ in details["records"].values():
        assert details["texts"][detail["command"]].startswith("python -m bench run ")


def test_pages_have_room_for_so_many_records(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_page, "DETAILS", 20_000)
    monkeypatch.setattr(report_page, "PICTURES", 5_000)
    page = made(root)
    details = json.loads(re.findall(r'id="details">(.*?)</script>', page, re.DOTALL)[0])
    count = len(RecordStore(root).all().records)
    assert 0 < len(details["records"]) < count
    assert f"{len(details['records'])} of {count} records have a page here" in page
    assert "pictures are left out" in page


def test_without_records_it_says_how_to_make_some(tmp_path: Path) -> None:
    page = made(tmp_path)
    assert "No records yet" in page
    Elements(page)


def test_the_command_writes_the_file_without_torch(root: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from bench.cli.writing import report; "
        f"report(Path({str(root)!r}), Path('report.html')); "
        "print({'torch', 'matplotlib', 'ray', 'plotly', 'itables'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
    assert "left out" in done.stderr
    assert (tmp_path / "report.html").read_text().startswith("<!DOCTYPE html>")


def test_the_committed_records_make_a_page_that_can_be_sent() -> None:
    page = made(ROOT / "results")
    assert len(page.encode()) < MOST


def test_what_a_paper_reports_stands_beside_what_was_measured(tmp_path: Path) -> None:
    store = RecordStore(tmp_path)
    data = DataUsed(name="textcaps", fingerprint="f", used={"test": 8})
    record = a_record("vqvae", 12.5, task="reconstruction", metric="fid", higher=False)
    store.write(record.model_copy(update={"dataset": data}))
    page = made(tmp_path)
    assert "What the LG-VQ paper reports" in page
    grids = json.loads(re.findall(r'id="data">(.*?)</script>', page, re.DOTALL)[0])["grids"]
    rows = [row[1:5] for row in grids["data-0-reported"]["rows"]]
    assert ["VQ-VAE", "FID", "82.31", "12.5 (vqvae)"] in rows
