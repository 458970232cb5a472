"""Of data that may not be handed on the report shows numbers alone."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from helpers.made_records import a_record
from helpers.report_records import picture

from bench.images import grid_png
from bench.leaderboard.board import render
from bench.records.record import DataUsed
from bench.records.store import RecordStore
from bench.registry import datasets
from bench.report.page import to_html
from bench.report.permission import WITHHELD, may_be_shown

LEVELS = {"levels": [{"codes": 4, "tokens": 10, "counts": [4, 3, 2, 1]}]}


@pytest.mark.parametrize("name", [entry.name for entry in datasets.entries()])
def test_it_is_what_the_data_set_says(name: str) -> None:
    assert may_be_shown(DataUsed(name=name, fingerprint="")) is datasets.get(name).load()().redistributable


def test_an_argument_decides_and_unknown_data_were_decided_on_before() -> None:
    assert may_be_shown(DataUsed(name="folder", fingerprint="", arguments={"redistributable": True}))
    assert not may_be_shown(DataUsed(name="emoji-scenes", fingerprint="", arguments={"redistributable": False}))
    assert may_be_shown(DataUsed(name="of a plug-in", fingerprint=""))


@pytest.mark.parametrize("name", ["flickr8k", "emoji-scenes"])
def test_pictures_and_texts_are_withheld_and_numbers_are_not(tmp_path: Path, name: str) -> None:
    store = RecordStore(tmp_path)
    samples = {
        "images.png": grid_png(picture(), 4),
        "captions.md": "| image | caption |\n|--:|---|\n| 1 | a secret |\n",
        "codebook.png": grid_png(picture(), 4),
        "usage.json": json.dumps(LEVELS),
    }
    data = DataUsed(name=name, fingerprint="f", used={"test": 8})
    store.write(a_record().model_copy(update={"dataset": data}), None, samples)
    found = store.all()
    page = to_html(render(found.records, store), found.records, store)
    shown = name == "emoji-scenes"
    assert (WITHHELD in page) is not shown
    assert ("a secret" in page) is shown
    assert bool(re.search(r"<img[^>]*data:image/png", page)) is shown
    assert '"kind":"lines"' in page
