"""The standard error of a value in a record: kept, left out where there is none, refused where it is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from helpers.made_records import a_record

from bench.errors import RecordError
from bench.records.record import Measured, validate
from bench.records.store import RecordStore

VALUE: dict[str, Any] = {"value": 0.75, "n": 200, "higher_is_better": True, "unit": ""}


def test_it_survives_writing_and_reading(tmp_path: Path) -> None:
    store = RecordStore(tmp_path)
    metrics = {"accuracy": VALUE | {"error": 0.1 + 0.2}, "fd_x": VALUE | {"error": 0.0}, "usage": VALUE}
    written = store.write(a_record(metrics=metrics))
    assert store.get(written.key) == written
    assert [measured.error for measured in written.metrics.values()] == [0.1 + 0.2, 0.0, None]
    told = json.loads(store.path_of(written).read_text())["metrics"]
    assert [name for name, measured in told.items() if "error" in measured] == ["accuracy", "fd_x"]


def test_a_record_without_errors_is_written_as_it_was_before_there_were_any() -> None:
    """Its text has the fields of then and no other."""
    told = json.loads(a_record().to_json())["metrics"]["accuracy"]
    assert told == VALUE | {"over": None, "clusters": None}
    assert Measured.model_validate(told).error is None


@pytest.mark.parametrize("error", [-0.1, float("nan"), float("inf"), "much"])
def test_a_wrong_one_is_refused_in_one_line_that_names_it(error: Any) -> None:
    fields = a_record().model_dump() | {"metrics": {"accuracy": VALUE | {"error": error}}}
    with pytest.raises(RecordError, match=r"^metrics\.accuracy\.error: ") as caught:
        validate(fields)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("error", ["-0.1", "NaN", "Infinity", "1e999", "[]"])
def test_a_file_with_a_wrong_one_is_no_record(tmp_path: Path, error: str) -> None:
    store = RecordStore(tmp_path)
    path = store.path_of(store.write(a_record(metrics={"accuracy": VALUE | {"error": 0.125}})))
    path.write_text(path.read_text().replace("0.125", error))
    found = store.all()
    assert not found.records
    assert len(found.problems) == 1
    assert "metrics.accuracy.error: " in found.problems[0]
    assert "\n" not in found.problems[0]
