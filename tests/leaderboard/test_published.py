"""What is committed: leaderboards are what the records say, and the pages quote them."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import pytest

from bench.effects.margins import margin_of
from bench.errors import BenchError
from bench.leaderboard.board import render
from bench.leaderboard.formats import WRITERS, differences
from bench.records.store import RecordStore
from bench.system.files import ROOT

BOARDS = {ROOT / "results": ROOT / "leaderboard.md", ROOT / "docs/codebook-size": ROOT / "docs/codebook-size.md"}
QUOTING = runpy.run_path(str(ROOT / "scripts/quote_records.py"))
QUOTED = [page for page in QUOTING["PAGES"] if QUOTING["MARKED"].search(page.read_text(encoding="utf-8"))]
A_FIGURE = re.compile(r"\d\.\d|\d (?:points|dB)\b")


@pytest.fixture(scope="module")
def source() -> Any:
    return QUOTING["source_of"](ROOT / "results")


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


@pytest.mark.parametrize("page", QUOTED, ids=lambda path: path.name)
def test_a_page_says_what_the_records_say(page: Path, source: Any) -> None:
    text = page.read_text(encoding="utf-8")
    assert QUOTING["quoted"](text, source) == text


def test_findings_have_no_figure_but_of_the_records() -> None:
    """All that the README and the page of findings say of the data is between comments, code or a margin."""
    findings = (ROOT / "docs/findings.md").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    of_readme = readme.split("## What the data say about LG-VQ\n")[1].split("\n## ")[0]
    margins = f"(1 point of a share, {margin_of('psnr').shown}, 0.1 of CIDEr-D)"  # type: ignore[union-attr]
    assert margins in findings
    for text in (of_readme, findings.replace(margins, "")):
        assert len(QUOTING["MARKED"].findall(text)) > 5
        plain = QUOTING["MARKED"].sub("", text)
        plain = re.sub(r"```.*?```|`[^`]*`|\[[^]]*\]\([^)]*\)", "", plain, flags=re.DOTALL)
        assert not A_FIGURE.findall(plain)
    assert len(re.findall(r"\.(?=\s|$)", QUOTING["MARKED"].sub("", of_readme))) <= 5


def test_another_value_in_the_records_makes_a_page_out_of_date(source: Any) -> None:
    text = 'questions <!-- value task=vqa metric=accuracy method=lgvq -->0.123 ± 0.456<!-- / --> of "vqgan"'
    quoted = QUOTING["quoted"](text, source)
    assert "0.123" not in quoted
    assert quoted == QUOTING["quoted"](quoted, source)
    assert re.sub("-->.*<!-- /", "--><!-- /", quoted) == re.sub("-->.*<!-- /", "--><!-- /", text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("of <!-- value task=vqa metric=accuracy method=vqgna -->1<!-- / -->", "vqgna"),
        ("of <!-- value task=vqa metric=acuracy method=lgvq -->1<!-- / -->", "acuracy"),
        ('of <!-- effect task=vqa metric=accuracy design="lgvq on vqgan" change=gas -->1<!-- / -->', "vqgan gas"),
        ("of <!-- value task=vqa metric=accuracy -->1<!-- / -->", "takes method, metric, task"),
        ("of <!-- value task=vqa metric=accuracy metod=x method=lgvq -->1<!-- / -->", "metod"),
        ("of <!-- value task=vqa metric=accuracy method=vqgan show=low -->1<!-- / -->", "show can be mean"),
        ("of <!-- order task=vqa -->1, and of <!-- order task=vqa -->2<!-- / -->", "lacks its"),
        ("of <!-- order task=vqa -->1", "lacks its other half"),
        ("of <!-- figure task=vqa -->1<!-- / -->", "there is no 'figure'"),
        ("- <!-- value task=vqa metric=accuracy method=lgvq -->1<!-- / --> of", "cannot begin"),
    ],
)
def test_a_figure_that_is_not_there_is_an_error(text: str, said: str, source: Any) -> None:
    with pytest.raises(BenchError, match=said):
        QUOTING["quoted"](text, source)


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


def test_the_notebook_page_prints_what_it_shows() -> None:
    """All blocks run one after the other, as in a notebook, from the project's folder."""
    page = QUOTING["NOTEBOOK"].read_text(encoding="utf-8")
    assert len(QUOTING["RUN"].findall(page)) == 4
    assert QUOTING["with_outputs"](page) == page
