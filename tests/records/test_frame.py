"""Records as data frames: the rows, what survives a file, which record counts."""

from __future__ import annotations

import io
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from helpers.made_records import a_record

from bench.leaderboard import statistics
from bench.leaderboard.board import render
from bench.leaderboard.formats import to_csv, to_parquet
from bench.records.frame import CELL, COLUMNS, costs, newest, to_frame
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
    expected = (
        "dataset,preset,task,method,arguments,text_encoder,seed,head_seed,status,reason,"
        "metric,value,n,higher_is_better,unit,protocol_hash,code,key\n"
        'emoji-scenes,tiny,vqa,lgvq,"{""a"": ""x, y"", ""beta"": 0.1}",minilm,0,0,ok,,'
        "l1,0.1,200,False,,cafe3132,c1,k1\n"
        'emoji-scenes,tiny,vqa,lgvq,"{""a"": ""x, y"", ""beta"": 0.1}",minilm,0,0,ok,,'
        "psnr,0.3333333333333333,200,True,dB,cafe3132,c1,k1\n"
        'emoji-scenes,tiny,vqa,lgvq,"{""a"": ""x, y"", ""beta"": 0.1}",minilm,0,0,ok,,'
        "usage,1.0,200,,,cafe3132,c1,k1\n"
        'emoji-scenes,tiny,vqa,vqvae,{},,0,0,skipped,"no ""codes"",\nnone at all",'
        ",,,,,cafe3132,c1,k2\n"
    )
    assert to_csv(render(_varied())) == expected


def test_parquet_gives_the_same_frame_back() -> None:
    board = render(_varied())
    pd.testing.assert_frame_equal(pd.read_parquet(io.BytesIO(to_parquet(board))), to_frame(board.records))


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


def test_the_leaderboards_costs_are_means_over_the_records_that_state_them() -> None:
    records = [a_record("a", seed=seed, cost={"train_s": cost}) for seed, cost in enumerate((1.0, 2.0, 6.0))]
    records += [a_record("a", seed=3), a_record("b", cost={"disk_mb": 5}), a_record("c", None, cost={"train_s": 9.0})]
    table = render(records).sections[0].costs
    assert [column.name for column in table.columns] == ["disk_mb", "train_s"]
    shown = {
        row.label: [value and (value.estimate.mean, value.estimate.n) for value in row.values] for row in table.rows
    }
    assert shown == {"a": [None, (3.0, 3)], "b": [(5.0, 1), None], "c": [None, None]}


def test_methods_that_tie_share_the_mean_of_their_ranks() -> None:
    records = [a_record(method, value) for method, value in (("a", 0.7), ("b", 0.9), ("c", 0.7))]
    section = render(records).sections[0]
    assert {rank.label: rank.mean for rank in section.ranks} == {"a": 2.5, "b": 1.0, "c": 2.5}
    pivot = to_frame(records).pivot_table("value", "method", "task")
    assert statistics.ranks(pivot, [True])["vqa"].to_dict() == {"a": 2.5, "b": 1.0, "c": 2.5}


def test_the_committed_records_have_a_row_for_each_value() -> None:
    records = RecordStore(ROOT / "results").all().records
    frame = to_frame(records)
    assert len(frame) == sum(max(len(record.metrics), 1) for record in records)
    assert frame.drop_duplicates(["key", "metric"]).shape == frame.shape


def test_importing_the_leaderboard_does_not_import_pandas() -> None:
    program = (
        "import sys\n"
        "import bench.records.frame, bench.leaderboard.formats\n"
        "assert not {'pandas', 'pyarrow', 'torch', 'ray'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)
