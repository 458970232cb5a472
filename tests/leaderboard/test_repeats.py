"""Several fits on one training's codes count once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from helpers.made_records import a_record, rows, shown

from bench.leaderboard.repeats import merged
from bench.records.record import Record
from bench.records.store import RecordStore


def fit(method: str, value: float, seed: int, head_seed: int | None, **changes: object) -> Record:
    return a_record(method, value, seed=seed, head_seed=head_seed, key=f"{method}-{seed}-{head_seed}", **changes)  # type: ignore[arg-type]


def test_a_training_that_was_fitted_on_more_often_counts_no_more() -> None:
    records = [fit("a", 0.6, 0, head) for head in (0, 1, 2)] + [fit("a", 0.8, 1, 1), fit("b", 0.5, 0, 0)]
    table = rows(shown(records))
    (row,) = (values for name, values in table.items() if name.startswith("a"))
    assert row[0].strip("*").startswith("0.700 ±")
    assert row[-1] == "2"
    assert "mean of 1 to 3 fits a training" in shown(records)


def test_the_first_record_of_old_and_a_new_one_with_the_same_seeds_are_one_cell() -> None:
    old, new = a_record("a", 0.6, day=1), a_record("a", 0.7, day=2, head_seed=0)
    assert old.head_seed is None
    assert rows(shown([old, new]))["a"][0] == "0.700"


def test_scores_are_averaged_example_by_example(tmp_path: Path) -> None:
    store = RecordStore(tmp_path)
    scores = {0: np.array([0.0, 1.0, 1.0]), 1: np.array([1.0, 1.0, 0.0])}
    ids = np.array([5, 5, 7])
    records = [
        store.write(fit("a", float(values.mean()), 0, head), {"accuracy": values, "images": ids})
        for head, values in scores.items()
    ]
    (record,), found = merged(records, {record.key: store.scores(record) for record in records})
    assert record.metrics["accuracy"].value == (scores[0].mean() + scores[1].mean()) / 2
    assert found[record.key]["accuracy"].tolist() == [0.5, 1.0, 0.5]
    assert found[record.key]["images"].tolist() == [5, 5, 7]


def test_scores_of_other_examples_are_left_out() -> None:
    records = [fit("a", 0.5, 0, 0), fit("a", 0.5, 0, 1)]
    arrays = {records[0].key: {"accuracy": np.zeros(3)}, records[1].key: {"accuracy": np.zeros(4)}}
    assert merged(records, arrays)[1] == {records[0].key: {}}
    assert merged(records, {records[0].key: arrays[records[0].key]})[1] == {}
