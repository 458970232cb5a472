"""Records as data frames: the rows, which record counts, what was spent."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from helpers.made_records import a_record

from bench.records.frame import CELL, COLUMNS, MeanCost, costs, mean_costs, newest, to_frame
from bench.records.record import Record
from bench.records.store import RecordStore
from bench.registry import ROOT

DIRECTIONS = {"psnr": True, "l1": False, "usage": None}


def _measured(name: str, value: float) -> dict[str, object]:
    return {"value": value, "n": 200, "higher_is_better": DIRECTIONS[name], "unit": "dB" if name == "psnr" else ""}


def _varied() -> list[Record]:
    values = {"usage": 1.0, "l1": 0.1, "psnr": 1 / 3}
    metrics = {name: _measured(name, value) for name, value in values.items()}
    measured = a_record("lgvq", key="k1", arguments={"beta": 0.1, "a": "x, y"}, text_encoder="minilm", metrics=metrics)
    skipped = a_record("vqvae", None, key="k2", status="skipped", reason='no "codes",\nnone at all')
    return [measured, skipped]


def test_a_row_is_a_record_and_a_metric_or_says_why_there_is_none() -> None:
    frame = to_frame(_varied())
    assert frame["metric"].tolist() == ["l1", "psnr", "usage", pd.NA]
    assert frame["value"].tolist()[:3] == [0.1, 1 / 3, 1.0]
    assert frame["arguments"].tolist() == ['{"a": "x, y", "beta": 0.1}'] * 3 + ["{}"]
    assert frame["dataset_arguments"].tolist() == ["{}"] * 4
    assert frame["text_encoder"].tolist() == ["minilm"] * 3 + [pd.NA]
    assert frame["reason"].tolist() == [pd.NA] * 3 + ['no "codes",\nnone at all']
    assert frame["key"].tolist() == ["k1"] * 3 + ["k2"]


def test_an_error_is_there_where_a_record_states_one() -> None:
    plain = _measured("psnr", 20.0)
    frame = to_frame([a_record(metrics={"psnr": plain | {"error": 0.5}, "l1": _measured("l1", 0.1)})])
    assert frame.set_index("metric")["error"].to_dict() == {"l1": pytest.approx(np.nan, nan_ok=True), "psnr": 0.5}


def test_missing_values_leave_counts_whole_and_directions_true_or_false() -> None:
    frame = to_frame(_varied())
    assert frame["n"].tolist() == [200, 200, 200, pd.NA]
    assert frame["higher_is_better"].tolist() == [False, True, pd.NA, pd.NA]
    assert frame["seed"].sum() == 0
    assert np.isnan(frame["value"].iloc[3])


@pytest.mark.parametrize("records", [[], [a_record(accuracy=None)]], ids=["no record", "no value"])
def test_columns_and_types_do_not_depend_on_what_the_records_hold(records: list[Record]) -> None:
    frame = to_frame(records)
    assert tuple(frame.columns) == COLUMNS
    assert frame.dtypes.equals(to_frame(_varied()).dtypes)


def test_the_newest_record_of_a_cell_counts_whatever_the_time_zone() -> None:
    noon = a_record(key="a", created="2026-01-01T12:00:00+00:00")
    later = a_record(key="b", created="2026-01-01T11:30:00-01:00")
    earlier = a_record(key="c", created="2026-01-01T13:30:00+02:00")
    assert newest([later, earlier, noon]) == [later]
    twin = a_record(key="z", created=later.created)
    assert newest([twin, later]) == newest([later, twin]) == [twin]
    first = a_record(key="a", created="0001-01-01T00:00:00+14:00")
    assert newest([first, noon]) == newest([noon, first]) == [noon]


def test_what_was_run_makes_a_cell() -> None:
    dataset = {"name": "emoji-scenes", "fingerprint": "f1", "arguments": {"images": 9}}
    cells = [
        a_record(),
        a_record("vqvae"),
        a_record(arguments={"beta": 1}),
        a_record(text_encoder="minilm"),
        a_record(task="captioning"),
        a_record(seed=1),
        a_record(head_seed=1, key="head"),
        a_record(preset="small"),
        a_record(dataset=dataset),
        a_record(protocol={"words": 16}),
    ]
    old = [record.model_copy(update={"created": "2025-01-01T00:00:00+00:00", "key": "old"}) for record in cells]
    counting = newest([*cells, *old])
    assert len(counting) == len(cells)
    assert all(record in cells for record in counting)
    assert newest(reversed([*cells, *old])) == counting


def test_a_newer_version_of_a_protocol_replaces_an_older_one_even_if_it_ran_earlier() -> None:
    new, old = a_record(protocol={"version": 2}, day=1), a_record(protocol={"version": 1}, day=2)
    assert newest([new, old]) == [new]
    assert newest([new, a_record(seed=1, protocol={"version": 1})]) != [new]  # another cell
    assert newest([]) == []


def test_costs_are_a_column_each_and_missing_where_they_are_not_stated() -> None:
    frame = costs([a_record("a", cost={"train_s": 2.0, "parameters": 10}), a_record("b", cost={"train_s": 4.0})])
    assert list(frame.columns) == ["parameters", "train_s"]
    assert tuple(frame.index.names) == CELL
    assert frame.groupby("method")["train_s"].mean().to_dict() == {"a": 2.0, "b": 4.0}
    assert frame["parameters"].isna().tolist() == [False, True]
    assert costs([]).empty


def test_mean_costs_are_over_the_records_that_state_them_whatever_their_order() -> None:
    records = [a_record("a", seed=seed, cost={"train_s": cost}) for seed, cost in enumerate((1e16, 1.0, -1e16))]
    records += [a_record("a", seed=3), a_record("b", cost={"disk_mb": 5})]
    expected = {"disk_mb": MeanCost(5.0, 1), "train_s": MeanCost(1 / 3, 3)}
    assert mean_costs(records) == mean_costs(reversed(records)) == expected
    assert list(mean_costs(records)) == ["disk_mb", "train_s"]
    assert mean_costs([]) == {}


def test_the_committed_records_have_a_row_for_each_value() -> None:
    records = RecordStore(ROOT / "results").all().records
    frame = to_frame(records)
    assert len(frame) == sum(max(len(record.metrics), 1) for record in records)
    assert frame.drop_duplicates(["key", "metric"]).shape == frame.shape


def test_records_are_read_and_counted_without_pandas() -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "import bench.records.command, bench.records.export\n"
        "from bench.records.frame import mean_costs, newest\n"
        "from bench.records.store import RecordStore\n"
        "assert mean_costs(newest(RecordStore(Path('results')).all().records))\n"
        "assert not {'pandas', 'pyarrow', 'torch', 'ray'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)
