"""Intervals and ties of a leaderboard column."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from helpers.made_records import N, a_record, rows, shown

from bench.leaderboard.comparison import cell, mark_ties
from bench.records.record import Record
from bench.records.store import RecordStore


def test_seeds_give_a_t_interval_and_one_seed_an_interval_over_examples(tmp_path: Path) -> None:
    store = RecordStore(tmp_path)
    correct = np.arange(N) < 120
    store.write(a_record("one", 0.6), {"accuracy": correct})
    for seed, value in enumerate((0.61, 0.64, 0.66)):
        store.write(a_record("three", value, seed=seed))
    found = rows(shown(store.all().records, store))
    # 4.3027 is the 97.5 % quantile of t with 2 degrees of freedom, 1.972 that with 199
    assert found["three"] == [f"**0.637 ± {4.3027 * np.std((0.61, 0.64, 0.66), ddof=1) / 3**0.5:.3f}**", "200", "3"]
    assert found["one"][0].strip("*") == f"0.600 ± {1.972 * np.std(correct, ddof=1) / N**0.5:.3f}"


def test_scores_that_do_not_average_to_the_value_give_no_interval(tmp_path: Path) -> None:
    store = RecordStore(tmp_path)
    store.write(a_record("bleu", 0.3), {"accuracy": np.arange(N) < 120})
    assert rows(shown(store.all().records, store))["bleu"][0] == "0.300"


def test_questions_of_one_image_are_one_cluster() -> None:
    correct = np.repeat(np.arange(N // 4) < 30, 4).astype(np.float32)
    record = a_record("a", 0.6)
    clustered = cell([record], "accuracy", {record.key: {"accuracy": correct, "image": np.arange(N) // 4}})
    single = cell([record], "accuracy", {record.key: {"accuracy": correct}})
    assert clustered is not None
    assert single is not None
    assert clustered.estimate.half_width == pytest.approx(2.04 * (single.estimate.half_width or 0), rel=0.01)


def _tied(scores: dict[str, np.ndarray]) -> set[str]:
    records = [a_record(name, float(values.mean())) for name, values in scores.items()]
    arrays = {r.key: {"accuracy": values} for r, values in zip(records, scores.values(), strict=True)}
    cells = mark_ties(
        [cell([r], "accuracy", arrays) for r in records], [[r] for r in records], "accuracy", True, arrays
    )
    return {record.method.name for record, found in zip(records, cells, strict=True) if found and found.tied}


def test_ties_come_from_paired_differences() -> None:
    hard = np.random.default_rng(0).normal(0, 1, N)  # what the methods share is far larger than what parts them
    noise = np.random.default_rng(1).normal(0, 0.01, (2, N))
    assert _tied({"best": hard + 0.05, "close": hard + 0.05 - noise[0] * 2 - 1e-4, "worse": hard + noise[1]}) == {
        "best",
        "close",
    }


def test_holm_keeps_more_ties_than_single_tests() -> None:
    generator = np.random.default_rng(2)
    best = np.zeros(N)
    barely = generator.normal(size=N)
    barely = -0.15 + (barely - barely.mean()) / barely.std(ddof=1)  # t = 2.12, p = 0.035
    assert _tied({"best": best, "barely": barely}) == {"best"}
    assert _tied({"best": best, **{f"barely{i}": np.roll(barely, i) for i in range(3)}}) >= {"best", "barely0"}


def test_seeds_are_paired_where_they_are_shared() -> None:
    def of(method: str, values: Sequence[float]) -> list[Record]:
        return [a_record(method, value, seed=seed) for seed, value in enumerate(values)]

    found = rows(shown([*of("a", (0.7, 0.5, 0.6)), *of("b", (0.69, 0.49, 0.59)), *of("c", (0.69, 0.52, 0.57))]))
    assert found["a"][0].startswith("**")
    assert not found["b"][0].startswith("**")  # worse by the same 0.01 with every seed
    assert found["c"][0].startswith("**")


def test_nothing_is_bold_where_nothing_can_be_compared() -> None:
    assert "**0" not in shown([a_record("a", 0.5)])
    assert "**0" not in shown([a_record("a", 0.5), a_record("b", 0.5)])
    assert "**0" not in shown([a_record("a", 0.5, higher=None), a_record("b", 0.6, higher=None)])
