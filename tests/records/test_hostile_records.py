"""Records and scores that are not what they should be."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.made_records import a_record
from pydantic import ValidationError

from bench.errors import RecordError
from bench.records.store import RecordStore


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"a": ' + b"9" * 10_000 + b"}",
        b'{"schema": 1}',
        b" " * (4 * 2**20 + 1),
    ],
    ids=["empty", "cut", "list", "binary", "deep", "huge number", "fields missing", "too large"],
)
def test_a_file_that_is_no_record_is_reported_in_one_line(tmp_path: Path, content: bytes) -> None:
    store = RecordStore(tmp_path)
    good = store.write(a_record())
    broken = store.path_of(good).with_name("broken.json")
    broken.write_bytes(content)
    records, problems = store.all()
    assert records == [good]
    assert len(problems) == 1
    assert problems[0].startswith(f"{broken}: not a record")
    assert "\n" not in problems[0]
    assert store.get("broken") is None
    assert store.problems == problems


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_a_number_that_is_not_finite_is_refused_on_reading(tmp_path: Path, number: str) -> None:
    store = RecordStore(tmp_path)
    path = store.path_of(store.write(a_record()))
    path.write_text(path.read_text().replace("0.75", number))
    assert "not finite" in store.all().problems[0]


@pytest.mark.parametrize(
    "changes",
    [
        {"metrics": {"accuracy": {"value": 1.7e308, "n": 9, "higher_is_better": True, "unit": ""}}},
        {"metrics": {"accuracy": {"value": 0.5, "n": 9, "higher_is_better": True, "unit": "", "error": 1e200}}},
        {"cost": {"train_s": -1e300}},
    ],
    ids=["value", "error", "cost"],
)
def test_a_number_that_no_mean_could_be_taken_of_is_refused_on_reading(tmp_path: Path, changes: dict[str, Any]) -> None:
    store = RecordStore(tmp_path)
    good = store.write(a_record())
    for seed in (1, 2):
        store.write(a_record(seed=seed, **changes))
    records, problems = store.all()
    assert records == [good]
    assert len(problems) == 2
    assert "is no measurement" in problems[0]


def test_a_record_in_the_wrong_place_and_a_newer_schema_are_reported(tmp_path: Path) -> None:
    store = RecordStore(tmp_path)
    path = store.path_of(store.write(a_record()))
    (path.parent / "copy.json").write_text(path.read_text())
    (path.parent / "newer.json").write_text(path.read_text().replace('"schema": 1', '"schema": 2'))
    problems = store.all().problems
    assert "belongs at" in problems[0]
    assert problems[1].endswith("newer.json: not a record (written by a newer version of this program, with schema 2)")


def _npy(array: np.ndarray) -> bytes:
    packed = io.BytesIO()
    np.save(packed, array, allow_pickle=True)
    return packed.getvalue()


def _zip(**entries: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(f"{name}.npy", content)
    return packed.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        lambda: b"",
        lambda: b"PK\x03\x04",
        lambda: _zip(a=_npy(np.array([{"x": 1}], dtype=object))),
        lambda: _zip(a=_npy(np.ones((2, 2), np.float32))),
        lambda: _zip(a=_npy(np.ones(2))),
        lambda: _zip(a=b"not an array"),
        lambda: _zip(a=_npy(np.ones(9, np.float32)).replace(b"(9,)", b"(99999999999999,)")),
        lambda: _zip(a=b"\0" * (2**28 + 1)),
    ],
    ids=["empty", "cut", "pickle", "matrix", "float64", "no array", "lying header", "bomb"],
)
def test_hostile_scores_are_refused(tmp_path: Path, content: Callable[[], bytes]) -> None:
    store = RecordStore(tmp_path)
    record = store.write(a_record(), {"accuracy": np.ones(4)})
    store.path_of(record).with_suffix(".npz").write_bytes(content())
    with pytest.raises(RecordError, match="no per-example scores"):
        store.scores(record)


def test_missing_scores_are_an_error_and_none_are_none(tmp_path: Path) -> None:
    store = RecordStore(tmp_path)
    record = store.write(a_record(), {"accuracy": np.ones(4)})
    store.path_of(record).with_suffix(".npz").unlink()
    with pytest.raises(RecordError):
        store.scores(record)
    assert store.scores(store.write(a_record(key="plain"))) == {}


def test_names_cannot_leave_the_folder(tmp_path: Path) -> None:
    store = RecordStore(tmp_path / "results")
    written = store.write(a_record("..", task="../../../evil"))
    assert store.path_of(written).resolve().is_relative_to(tmp_path / "results")
    assert store.get(written.key) == written
    with pytest.raises(RecordError, match="not a file in"):
        store.write(a_record(), samples={"../evil.txt": "x"})


@pytest.mark.parametrize(
    "changes",
    [
        {"key": "../../escape"},
        {"key": ""},
        {"status": "done"},
        {"status": "failed"},
        {"created": "2026-01-01T00:00:00"},
        {"created": "yesterday"},
        {"per_example": "../other.npz"},
        {"samples": ["../../secret.txt"]},
        {"key": "k", "samples": ["k/.."]},
        {"protocol": {"what": object()}},
        {"surprise": 1},
    ],
)
def test_fields_are_validated(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        a_record(**changes)


@pytest.mark.parametrize("value", ["", "\n# <b>x", "<!--", "12345678\n", "ABCDEF", "g" * 12, "a" * 65])
def test_a_protocols_hash_is_hexadecimal_and_nothing_else(value: str) -> None:
    with pytest.raises(ValidationError, match="protocol_hash"):
        a_record(protocol_hash=value)


def test_a_records_line_is_one_line_that_a_terminal_shows_as_it_is() -> None:
    failed = a_record("\x1b]0;title\x07", None, reason="ValueError: first\nok      forged\r\x1b[2K\u202e")
    told = r"failed  emoji-scenes \x1b]0;title\x07 vqa seed 0: ValueError: first ok      forged \x1b[2K\u202e"
    assert failed.line().startswith(told)
    assert failed.line().isprintable()
