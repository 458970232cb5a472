"""A folder of records in which others have put things: each is named in a line, and the rest is read."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.made_records import a_record

from bench.errors import RecordError
from bench.records.export import to_csv
from bench.records.frame import newest, to_frame
from bench.records.store import RecordStore
from bench.system.terminal import one_line

SCORES = {"accuracy": np.arange(4) / 4}


def changed(**fields: Any) -> Callable[[Path], object]:
    return lambda path: path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def text(old: str, new: str) -> Callable[[Path], object]:
    return lambda path: path.write_text(path.read_text().replace(old, new, 1))


FOREIGN: dict[str, tuple[Callable[[Path], object], str]] = {
    "schema 2": (changed(schema=2, invented="field"), "written by a newer version of this program, with schema 2"),
    "schema 0": (changed(schema=0), "schema: Input should be 1"),
    "schema true": (changed(schema="2"), "schema: Input should be 1"),
    "a notebook": (lambda path: path.write_text('{"cells": [], "nbformat": 4}'), "key: Field required"),
    "a number": (lambda path: path.write_text("1"), "record: Input should be an object"),
    "unknown field": (changed(**{"a\nb\x1b[31m": 1}), r"a b\x1b[31m: Extra inputs are not permitted"),
    "long field": (changed(**{"x" * 100_000: 1}), "xxx: Extra inputs are not permitted"),
    "NaN in the protocol": (changed(protocol={"x": {"y": [float("nan")]}}), "protocol: not JSON"),
    "infinity in arguments": (changed(method={"name": "lgvq", "arguments": {"x": 1e999}}), "method.arguments: not"),
    "NaN in the environment": (text('"env": {}', '"env": {"x": [NaN]}'), "env: not JSON"),
    "1e999 in the data set": (text('"planned": {}', '"planned": {"test": 1e999}'), "dataset.planned.test: "),
    "NaN in an error": (text('"n": 200', '"n": 200, "error": NaN'), "metrics.accuracy.error: "),
    "NaN as a cost": (changed(cost={"train_s": float("nan")}), "holds a number that is not finite"),
    "seed": (changed(seed=2**63), "seed: Input should be less than"),
    "seed with a fraction": (changed(seed=0.5), "seed: Input should be a valid integer"),
    "examples": (text('"n": 200', f'"n": {10**30}'), "metrics.accuracy.n: Input should be less than"),
    "fewer than no examples": (text('"n": 200', '"n": -1'), "metrics.accuracy.n: Input should be greater"),
    "costs": (changed(cost={f"c{number}": 1.0 for number in range(10_000)}), "cost: Dictionary should have at most"),
    "bytes": (lambda path: path.write_bytes(path.read_bytes().replace(b'"c1"', b'"\xff\xfe"')), "not a record"),
    "UTF-16": (lambda path: path.write_bytes(path.read_text().encode("utf-16")), "not a record"),
    "half a character": (text('"c1"', r'"\ud800"'), "not a record"),
    "key of another": (changed(key="else"), "this record belongs at"),
    "method of another": (changed(method={"name": "<script>"}), "this record belongs at"),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_what_is_no_record_of_ours_is_named_in_one_line(kind: str, tmp_path: Path) -> None:
    store = RecordStore(tmp_path)
    good = store.write(a_record(key="good"))
    bad = store.path_of(store.write(a_record(key="bad")))
    change, why = FOREIGN[kind]
    change(bad)
    records, problems = store.all()
    assert records == [good]
    assert len(problems) == 1
    assert problems[0].startswith(str(bad))
    assert why in problems[0]
    assert len(problems[0]) < 1_000
    assert one_line(problems[0]) == problems[0]
    assert store.get("bad") is None
    assert store.problems == problems


def test_of_two_records_of_one_key_the_second_is_left_out(tmp_path: Path) -> None:
    store = RecordStore(tmp_path)
    first, second = a_record("a", key="same"), a_record("b", key="same")
    paths = [store.path_of(record) for record in (first, second)]
    for record, path in zip((first, second), paths, strict=True):
        path.parent.mkdir(parents=True)
        path.write_text(record.to_json())
    assert store.all() == ([first], [f"{paths[1]}: a second record of this key; the first is {paths[0]}"])
    assert store.starting_with("sa") == store.all()
    assert store.get("same") == first


def test_a_copy_of_a_folder_is_named_file_by_file(tmp_path: Path) -> None:
    store = RecordStore(tmp_path)
    records = [store.write(a_record(key=key)) for key in ("k1", "k2")]
    folder = store.path_of(records[0]).parent
    shutil.copytree(folder, folder.with_name("copy"))
    found = store.all()
    assert found.records == sorted(records, key=lambda record: record.key)
    assert [problem.partition(": ")[0] for problem in found.problems] == [
        str(folder.with_name("copy") / f"{key}.json") for key in ("k1", "k2")
    ]


def test_things_in_a_records_place_are_named_and_things_elsewhere_are_nothing_to_us(tmp_path: Path) -> None:
    store = RecordStore(tmp_path)
    good = store.write(a_record(key="good"), SCORES)
    folder = store.path_of(good).parent
    (folder / "folder.json").mkdir()
    (folder / "dangling.json").symlink_to(folder / "nowhere")
    (folder / "loop.json").symlink_to(folder / "loop.json")
    (folder / "linked.json").symlink_to(store.path_of(good))
    (folder / "a\n\x1b[31m.json").write_text("{")
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff.json")).write_text("{")
    (folder / "notes.txt").write_text("mine")
    (tmp_path / "noise.json").write_text("[]")
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "deep" / "er" / "x.json").write_text("{")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    records, problems = store.all()
    assert records == [good]
    assert all(one_line(problem) == problem for problem in problems)
    names = [problem.removeprefix(f"{folder}/").partition(": ")[0] for problem in problems]
    assert names == [r"a \x1b[31m.json", "dangling.json", "folder.json", "linked.json", "loop.json", r"\udcff.json"]
    assert store.scores(good)["accuracy"].tolist() == SCORES["accuracy"].tolist()


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to the superuser")
def test_a_folder_that_is_closed_is_named(tmp_path: Path) -> None:
    store = RecordStore(tmp_path)
    good, hidden = store.write(a_record("good")), store.write(a_record("hidden"))
    folder = store.path_of(hidden).parent
    folder.chmod(0)
    try:
        assert store.all() == ([good], [f"{folder}/: a folder that cannot be read (Permission denied)"])
    finally:
        folder.chmod(0o700)


def test_records_are_sorted_by_path(tmp_path: Path) -> None:
    store = RecordStore(tmp_path)
    for number, method in enumerate(("a-b", "a", "a.b", "B", "é", "a=b")):
        store.write(a_record(method, key=f"k{number}"))
    paths = [store.path_of(record).relative_to(tmp_path).as_posix() for record in store.all().records]
    assert paths == sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.glob("*/*/*/*.json"))
    assert len(paths) == 6


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "\x1b[2J", "=1+1", "../..", "a|b `c` $d$ \\e", "\u202e"])
def test_names_are_kept_as_they_are_and_do_not_leave_the_folder(name: str, tmp_path: Path) -> None:
    store = RecordStore(tmp_path / "results")
    written = store.write(a_record(name, task=name, key="k"), SCORES)
    assert store.all() == ([written], [])
    assert store.path_of(written).resolve().is_relative_to(tmp_path / "results")
    assert newest(store.all().records) == [written]
    assert to_frame([written])["method"].tolist() == [name]
    assert "\x1b" not in to_csv([written])
    assert store.scores(written).keys() == SCORES.keys()


def test_scores_that_are_wanted_are_read_and_others_not_looked_into(tmp_path: Path) -> None:
    store = RecordStore(tmp_path)
    wide = np.random.default_rng(0).random(3_000)
    record = store.write(a_record(), {"a": wide, "b": wide, "image": np.arange(3_000)})
    assert store.scores(record, ["a", "image", "missing"]).keys() == {"a", "image"}
    assert store.scores(record, ()) == {}
    path = store.path_of(record).with_suffix(".npz")
    content = bytearray(path.read_bytes())
    content[200] ^= 1  # in the first entry
    path.write_bytes(content)
    assert store.scores(record, ["b"]).keys() == {"b"}
    with pytest.raises(RecordError, match="no per-example scores"):
        store.scores(record)
