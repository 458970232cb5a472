"""Records as CSV and Parquet: every row and column, and nothing that a spreadsheet or a terminal acts on."""

from __future__ import annotations

import csv
import io

import pandas as pd
import pytest
from helpers.made_records import a_record

from bench.records.export import AT_ONCE, csv_parts, to_csv, to_parquet
from bench.records.frame import COLUMNS, to_frame
from bench.records.record import Record

HOSTILE = {
    '=HYPERLINK("http://x")': '\'=HYPERLINK("http://x")',
    "+1": "'+1",
    "-1+cmd": "'-1+cmd",
    "@SUM(A1)": "'@SUM(A1)",
    "\t=1": "'\t=1",
    "\r=1": r"\r=1",
    "\n=1": "'\n=1",
    "\uff1d1": "'\uff1d1",
    "\x1b]0;title\x07": r"\x1b]0;title\x07",
    "<script>alert(1)</script>": "<script>alert(1)</script>",
    "\u202etxt": r"\u202etxt",
    'a "b", c': 'a "b", c',
}
"""Text in a record to the text of its cell."""


def varied() -> list[Record]:
    def measured(value: float, **others: object) -> dict[str, object]:
        return {"value": value, "n": 200, "higher_is_better": None, "unit": ""} | others

    metrics = {"usage": measured(1.0), "psnr": measured(1 / 3, higher_is_better=True, unit="dB", error=0.5)}
    given = {"beta": 0.1, "a": "x, y"}
    return [
        a_record("lgvq", key="k1", arguments=given, metrics=metrics, cost={"train_s": 2.5, "parameters": 10}),
        a_record("vqvae", None, key="k2", status="skipped", reason='no "codes",\nnone at all', cost={"eval_s": 1.0}),
        a_record("vqvae", None, key="k3", seed=1, text_encoder="minilm"),
    ]


def read_back(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_csv_has_a_row_a_metric_and_one_for_a_record_without() -> None:
    expected = (
        "dataset,preset,task,method,arguments,text_encoder,seed,head_seed,status,reason,metric,value,error,n,"
        "higher_is_better,unit,dataset_arguments,protocol_hash,code,key,counts,cost_eval_s,cost_parameters,cost_train_s\n"
        'emoji-scenes,tiny,vqa,lgvq,"{""a"": ""x, y"", ""beta"": 0.1}",,0,0,ok,,psnr,0.3333333333333333,0.5,200,'
        "True,dB,{},cafe3132,c1,k1,True,,10.0,2.5\n"
        'emoji-scenes,tiny,vqa,lgvq,"{""a"": ""x, y"", ""beta"": 0.1}",,0,0,ok,,usage,1.0,,200,'
        ",,{},cafe3132,c1,k1,True,,10.0,2.5\n"
        'emoji-scenes,tiny,vqa,vqvae,{},,0,0,skipped,"no ""codes"",\nnone at all",,,,,'
        ",,{},cafe3132,c1,k2,True,1.0,,\n"
        "emoji-scenes,tiny,vqa,vqvae,{},minilm,1,1,failed,TrainingDiverged: loss is NaN,,,,,"
        ",,{},cafe3132,c1,k3,True,,,\n"
    )
    assert to_csv(varied()) == expected


def test_parquet_gives_the_frame_and_the_costs_back() -> None:
    frame = pd.read_parquet(io.BytesIO(to_parquet(varied())))
    pd.testing.assert_frame_equal(frame[list(COLUMNS)], to_frame(varied()))
    assert frame["counts"].dtype == "bool"
    costs = frame.drop(columns=[*COLUMNS, "counts"])
    assert costs.columns.tolist() == ["cost_eval_s", "cost_parameters", "cost_train_s"]
    assert costs["cost_train_s"].fillna(0).tolist() == [2.5, 2.5, 0, 0]
    assert (costs.dtypes == "float64").all()


@pytest.mark.parametrize("records", [[], [a_record(kind="tune")]], ids=["no record", "a trial"])
def test_columns_and_types_stay_where_there_is_no_row(records: list[Record]) -> None:
    assert to_csv(records) == ",".join(COLUMNS) + ",counts\n"
    frame = pd.read_parquet(io.BytesIO(to_parquet(records)))
    pd.testing.assert_frame_equal(frame[list(COLUMNS)], to_frame([]))
    assert frame["counts"].dtype == "bool"


def test_what_has_been_replaced_is_there_and_does_not_count() -> None:
    records = [a_record(key="old", day=1), a_record(key="new", day=2), a_record(key="other", seed=1)]
    expected = {"old": False, "new": True, "other": True}
    assert {row["key"]: row["counts"] == "True" for row in read_back(to_csv(records))} == expected
    frame = pd.read_parquet(io.BytesIO(to_parquet(records)))
    assert frame.set_index("key")["counts"].to_dict() == expected


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_harmless_in_csv_and_as_it_is_in_parquet(text: str) -> None:
    measured = {"value": -1.0, "n": 1, "higher_is_better": None, "unit": text}
    records = [
        a_record(text, task=text, preset=text, text_encoder=text, metrics={text: measured}, code=text),
        a_record("m", None, key="f", reason=text),
    ]
    row, failed = read_back(to_csv(records))
    for column in ("method", "task", "preset", "text_encoder", "metric", "unit", "code"):
        assert row[column] == HOSTILE[text]
    assert failed["reason"] == HOSTILE[text]
    assert row["value"] == "-1.0"
    frame = pd.read_parquet(io.BytesIO(to_parquet(records)))
    assert frame["method"].tolist() == [text, "m"]
    assert frame["reason"].tolist() == [pd.NA, text]


def test_names_of_costs_and_arguments_are_harmless_too() -> None:
    text = to_csv([a_record(cost={"=1,2\x1b[0m": 1.0}, arguments={"=a": "\x1b[0m"})])
    row = read_back(text)[0]
    assert text.isascii()
    assert "\x1b" not in text
    assert row[r"cost_=1,2\x1b[0m"] == "1.0"
    assert row["arguments"] == r'{"=a": "\u001b[0m"}'


def test_whole_numbers_at_their_bounds_and_many_records() -> None:
    largest = {"value": 1e308, "n": 2**63 - 1, "higher_is_better": None, "unit": ""}
    records = [a_record(seed=2**63 - 1, metrics={"m": largest}), a_record(seed=-(2**63))]
    records += [a_record(key=f"k{seed}", seed=seed, cost={f"c{seed % 2}": seed}) for seed in range(2 * AT_ONCE)]
    assert len(list(csv_parts(records))) == 4
    rows = read_back(to_csv(records))
    frame = pd.read_parquet(io.BytesIO(to_parquet(records)))
    assert [int(row["seed"]) for row in rows] == frame["seed"].tolist() == [record.seed for record in records]
    assert rows[0]["n"] == str(2**63 - 1) == str(frame["n"][0])
    assert frame["cost_c1"].notna().sum() == AT_ONCE
