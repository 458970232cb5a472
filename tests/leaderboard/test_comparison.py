"""Intervals and ties of a leaderboard column."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from helpers.made_records import N, a_record, rows, shown

from bench.leaderboard.comparison import mark_ties, table_value
from bench.records.record import Record
from bench.records.store import RecordStore


def test_seeds_give_a_t_interval_and_one_seed_an_interval_over_examples(tmp_path: Path) -> None:
    store = RecordStore(tmp_path)
    correct = np.arange(N) < 120
    store.write(a_record("one", 0.6), {"accuracy": correct})
    for seed, value in enumerate((0.61, 0.64, 0.66)):
        store.write(a_record("three", value, seed=seed))
    table = rows(shown(store.all().records, store))
    # 4.3027 is the 97.5 % quantile of t with 2 degrees of freedom, 1.972 that with 199
    assert table["three"] == [f"**0.637 ± {4.3027 * np.std((0.61, 0.64, 0.66), ddof=1) / 3**0.5:.3f}**", "200", "3"]
    assert table["one"][0].strip("*") == f"0.600 ± {1.972 * np.std(correct, ddof=1) / N**0.5:.3f}"


def test_scores_that_do_not_average_to_the_value_give_no_interval(tmp_path: Path) -> None:
    store = RecordStore(tmp_path)
    store.write(a_record("bleu", 0.3), {"accuracy": np.arange(N) < 120})
    assert rows(shown(store.all().records, store))["bleu"][0] == "0.300"


def _record(value: float, over: str | None, clusters: str | None, metric: str = "accuracy") -> Record:
    measured = {"value": value, "n": N, "higher_is_better": True, "unit": "", "over": over, "clusters": clusters}
    return a_record("a", value, metrics={metric: measured})


def _half_width(record: Record, arrays: dict[str, np.ndarray], metric: str = "accuracy") -> float | None:
    value = table_value([record], metric, {record.key: arrays})
    assert value is not None
    return value.estimate.half_width


CORRECT = np.repeat(np.arange(N // 4) < 30, 4).astype(np.float32)
"""Four questions an image, of which all or none are answered."""
IMAGES = np.arange(N) // 4


def test_questions_of_one_image_are_one_cluster() -> None:
    record = _record(0.6, "examples", "photo")
    clustered = _half_width(record, {"accuracy": CORRECT, "photo": IMAGES})
    single = _half_width(_record(0.6, "examples", None), {"accuracy": CORRECT, "image": IMAGES})
    assert single is not None
    # as if there were a quarter of the examples; 2.04 rather than 2 since t has 49 degrees of freedom, not 199
    assert clustered == pytest.approx(2.04 * single, rel=0.01)


def test_a_record_says_itself_whether_a_value_is_a_mean_of_its_examples() -> None:
    assert _half_width(_record(0.6, "set", None), {"accuracy": CORRECT}) is None
    assert _half_width(_record(0.6, "examples", None), {"accuracy": CORRECT}) is not None


def test_without_its_clusters_or_with_one_of_them_a_value_has_no_interval() -> None:
    record = _record(0.6, "examples", "photo")
    assert _half_width(record, {"accuracy": CORRECT}) is None
    assert _half_width(record, {"accuracy": CORRECT, "photo": IMAGES[:-1]}) is None
    assert _half_width(record, {"accuracy": CORRECT, "photo": np.zeros(N, int)}) is None
    assert _half_width(record, {}) is None


def test_records_written_before_they_said_so_are_read_as_they_were_meant() -> None:
    said = _half_width(_record(0.6, "examples", "image"), {"accuracy": CORRECT, "image": IMAGES})
    old = _record(0.6, None, None)
    assert _half_width(old, {"accuracy": CORRECT, "image": IMAGES}) == said
    part = _record(0.6, None, None, "accuracy/color@new")
    assert _half_width(part, {"accuracy/color@new": CORRECT, "image/color@new": IMAGES}, "accuracy/color@new") == said
    single = _half_width(_record(0.6, "examples", None), {"accuracy": CORRECT})
    assert _half_width(old, {"accuracy": CORRECT}) == single
    assert _half_width(old, {"accuracy": CORRECT, "image": IMAGES[:-1]}) == single
    assert _half_width(_record(0.5, None, None), {"accuracy": CORRECT, "image": IMAGES}) is None


def _tied(scores: dict[str, np.ndarray]) -> set[str]:
    records = [a_record(name, float(values.mean())) for name, values in scores.items()]
    arrays = {r.key: {"accuracy": values} for r, values in zip(records, scores.values(), strict=True)}
    values = mark_ties(
        [table_value([r], "accuracy", arrays) for r in records], [[r] for r in records], "accuracy", True, arrays
    )
    return {record.method.name for record, value in zip(records, values, strict=True) if value and value.tied}


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

    table = rows(shown([*of("a", (0.7, 0.5, 0.6)), *of("b", (0.69, 0.49, 0.59)), *of("c", (0.69, 0.52, 0.57))]))
    assert table["a"][0].startswith("**")
    assert not table["b"][0].startswith("**")  # worse by the same 0.01 with every seed
    assert table["c"][0].startswith("**")


def test_nothing_is_bold_where_nothing_can_be_compared() -> None:
    assert "**0" not in shown([a_record("a", 0.5)])
    assert "**0" not in shown([a_record("a", 0.5), a_record("b", 0.5)])
    assert "**0" not in shown([a_record("a", 0.5, higher=None), a_record("b", 0.6, higher=None)])
