"""The leaderboard as text: the same bytes from the same records, numbers, escaping, other formats."""

from __future__ import annotations

import csv
import io
import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers.made_records import N, a_record, rows, shown

from bench.leaderboard.board import Leaderboard, render
from bench.leaderboard.formats import WRITERS, differences, to_csv, to_json, to_parquet, to_tex
from bench.leaderboard.markdown import to_markdown
from bench.records.store import RecordStore
from bench.system.files import ROOT


def _varied(store: RecordStore) -> Leaderboard:
    generator = np.random.default_rng(3)
    for method, level in (("lgvq", 0.7), ("vqgan", 0.65), ("vqvae", 0.6)):
        for task in ("vqa", "caption"):
            correct = generator.random(N) < level
            record = a_record(method, float(correct.mean()), task=task, cost={"train_s": 61.5, "parameters": 1e6})
            store.write(record, {"accuracy": correct, "image": np.arange(N) // 2})
    store.write(a_record("cvq", None))
    store.write(a_record("lgvq", 0.6, seed=1, protocol={"words": 16}))
    store.write(a_record("blind", 0.3, arguments={"kind": "question only"}))
    return render(store.all().records, store)


@pytest.mark.parametrize("write", [*WRITERS.values(), to_parquet])
def test_bytes_do_not_depend_on_the_order_of_records(
    tmp_path: Path, write: Callable[[Leaderboard], str | bytes]
) -> None:
    store = RecordStore(tmp_path)
    expected = write(_varied(store))
    for attempt in range(5):
        records = list(store.all().records)
        random.Random(attempt).shuffle(records)
        assert write(render(records, store)) == expected


def test_bytes_do_not_depend_on_place_locale_or_hash_seed(tmp_path: Path) -> None:
    expected = to_markdown(_varied(RecordStore(tmp_path / "here")))
    (tmp_path / "there").mkdir()
    (tmp_path / "here").rename(tmp_path / "there" / "moved")
    program = (
        "import sys, pathlib\n"
        "from bench.leaderboard.board import render\n"
        "from bench.leaderboard.markdown import to_markdown\n"
        "from bench.records.store import RecordStore\n"
        "assert 'pandas' not in sys.modules\n"
        "store = RecordStore(pathlib.Path(sys.argv[1]))\n"
        "sys.stdout.buffer.write(to_markdown(render(store.all().records, store)).encode())\n"
        "assert not {'torch', 'ray'} & set(sys.modules)\n"
    )
    for hash_seed, zone in (("1", "Asia/Tokyo"), ("2", "UTC")):
        done = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path / "there" / "moved")],
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": hash_seed, "LC_ALL": "C", "TZ": zone},
            capture_output=True,
            check=True,
        )
        assert done.stdout.decode() == expected


def test_csv_has_a_row_for_each_record_and_metric(tmp_path: Path) -> None:
    lines = list(csv.DictReader(io.StringIO(to_csv(_varied(RecordStore(tmp_path))))))
    assert len(lines) == 9
    failed = next(line for line in lines if line["status"] == "failed")
    assert (failed["method"], failed["metric"], failed["value"]) == ("cvq", "", "")
    assert {line["metric"] for line in lines if line["status"] == "ok"} == {"accuracy"}
    assert all(float(line["value"]) > 0 for line in lines if line["status"] == "ok")


def test_json_carries_what_the_markdown_says(tmp_path: Path) -> None:
    section = json.loads(to_json(_varied(RecordStore(tmp_path))))["sections"][0]
    tables = {(table["task"], table["protocol_hash"]): table for table in section["tables"]}
    best = tables["vqa", "cafe3132"]["rows"][0]
    assert best["method"] == "lgvq"
    assert best["metrics"]["accuracy"]["over"] == "images"
    assert best["metrics"]["accuracy"]["low"] < best["metrics"]["accuracy"]["mean"]
    assert not best["metrics"]["accuracy"]["may_be_best"]
    assert best["against"] == "vqgan"
    assert best["difference"]["training_error"] is None
    assert section["cells"] == {"failed": 1, "ok": 8}


def test_tex_is_balanced_and_escaped() -> None:
    values = (("a_b & 50%", 0.5), ("c", 0.4))
    text = to_tex(render([a_record(name, value + seed / 1000, seed=seed) for name, value in values for seed in (0, 1)]))
    assert r"a\_b \& 50\% & \textbf{0.500 $\pm$ 0.006} & --- & 1 & --- & 2 \\" in text
    assert text.count(r"\begin{") == text.count(r"\end{") == 2


def test_hostile_text_stays_in_its_cell() -> None:
    reason = "boom | <script>x</script>\n| a | b |\n# title [link](javascript:x) `tick`" + "x" * 1000
    text = shown([a_record("evil | name\n# x", None, reason=reason)])
    assert "\n# x" not in text
    assert "\n# title" not in text
    assert not re.search(r"(?<!\\)<script|(?<!\\)\[link", text)
    assert len(next(line for line in text.splitlines() if "boom" in line)) < 400


def test_check_reports_differences(tmp_path: Path) -> None:
    text = shown([a_record("a", 0.5)])
    path = tmp_path / "leaderboard.md"
    assert differences(text, path)
    path.write_text(text, encoding="utf-8")
    assert differences(text, path) == []
    path.write_text(text.replace("0.500", "0.900"), encoding="utf-8")
    changed = differences(text, path)
    assert any(line.startswith("-") and "0.900" in line for line in changed)
    assert any(line.startswith("+") and "0.500" in line for line in changed)
    path.write_bytes(b"\xff")
    assert differences(text, path) == [f"{path} is not text"]


@pytest.mark.parametrize(
    ("value", "text"), [(0.64123, "0.641"), (26.4149, "26.41"), (312.44, "312.4"), (0.0213, "0.0213"), (1, "1.000")]
)
def test_numbers_have_three_or_four_digits(value: float, text: str) -> None:
    assert rows(shown([a_record("a", value)]))["a"][0] == text


def test_there_is_no_negative_zero() -> None:
    assert rows(shown([a_record("a", 0.5), a_record("b", -0.0001)]))["b"][0] == "0.000"


HOSTILE = "\x1b[31m\x9b\u202eabc\0"


@pytest.mark.parametrize("write", [to_markdown, to_tex])
def test_nothing_that_a_terminal_acts_on_is_in_a_table(write: Callable[[Leaderboard], str]) -> None:
    records = [a_record("a", 0.5), a_record(f"b{HOSTILE}", 0.6, task=f"vqa{HOSTILE}", preset=f"tiny{HOSTILE}")]
    records += [a_record("c", None, reason=f"why {HOSTILE}\nwhy not")]
    text = write(render(records))
    assert not [mark for mark in text if mark != "\n" and not mark.isprintable()]
    assert "abc" in text


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_a_spreadsheet_works_nothing_out(start: str) -> None:
    formula = f'{start}HYPERLINK("http://elsewhere";"click")'
    record = a_record(formula[:100], -0.5, task=formula, preset=formula, text_encoder=formula)
    failed = a_record("b", None, reason=formula)
    cells = list(csv.DictReader(io.StringIO(to_csv(render([record, failed])), newline="")))
    harmless = formula.replace("\r", r"\r") if start == "\r" else f"'{formula}"
    for name in ("task", "preset", "method", "text_encoder"):
        assert cells[0][name] == harmless
    assert cells[1]["reason"] == harmless
    assert cells[0]["value"] == "-0.5", "numbers stay numbers"
    assert cells[0]["metric"] == "accuracy"
