"""Equal parts of records are the same objects; parts that only look equal are not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from helpers.made_records import a_record

from bench.records.record import Record
from bench.records.store import RecordStore

SAME = {"protocol": {"a": {"b": [1, None, "x"]}}, "env": {"device": "cpu"}, "arguments": {"beta": 0.5}}


def read_back(folder: Path, *records: Record) -> list[Record]:
    store = RecordStore(folder)
    for record in records:
        store.write(record)
    assert store.all().problems == []
    return store.all().records


def test_equal_parts_are_the_same_and_records_what_they_were(tmp_path: Path) -> None:
    made = [a_record(key=f"k{seed}", seed=seed, accuracy=seed / 10, **SAME) for seed in range(3)]
    records = read_back(tmp_path, *made)
    assert records == made
    assert [record.to_json() for record in records] == [record.to_json() for record in made]
    for part in ("protocol", "env", "method", "dataset"):
        assert len({id(getattr(record, part)) for record in records}) == 1
    assert [record.metrics["accuracy"].value for record in records] == [0.0, 0.1, 0.2]


@pytest.mark.parametrize("others", [(1, 1.0, True), (0, -0.0, 0.0, False, None, "")])
def test_parts_that_python_takes_for_equal_stay_what_they_are(others: tuple[Any, ...], tmp_path: Path) -> None:
    made = [a_record(key=f"k{i}", seed=i, arguments={"x": [other]}, env={"x": other}) for i, other in enumerate(others)]
    records = read_back(tmp_path, *made)
    assert [repr(record.env["x"]) for record in records] == [repr(other) for other in others]
    assert [repr(record.method.arguments) for record in records] == [repr({"x": [other]}) for other in others]


def test_a_changed_copy_changes_no_other(tmp_path: Path) -> None:
    first, second = read_back(tmp_path, *(a_record(key=key, **SAME) for key in ("a", "b")))
    before = second.to_json()
    measured = first.metrics["accuracy"].model_copy(update={"value": 0.1, "over": "set"})
    copy = first.model_copy(update={"metrics": {"accuracy": measured}, "preset": "large"})
    assert copy.metrics["accuracy"].over == "set"
    assert second.to_json() == before
    assert first.metrics["accuracy"].over is None
