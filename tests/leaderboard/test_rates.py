"""Methods compete at equal bits only; the noise of a table stands below it; controls of metrics are no contest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers.made_records import N, a_record, rows, shown

from bench.leaderboard.board import render
from bench.leaderboard.formats import to_json, to_tex
from bench.leaderboard.rates import Rate, classes
from bench.noise.estimate import estimate
from bench.noise.noise import FILE
from bench.noise.noise import to_json as noise_file
from bench.records.record import Record
from bench.records.store import RecordStore

PLAIN, RESIDUAL = (9.0, 64, 64), (18.0, 128, 64)


def spent(bits: float, tokens: int, positions: int) -> dict[str, float]:
    return {"bits_per_position": bits, "tokens_per_image": tokens, "positions_per_image": positions}


def reconstruction(method: str, psnr: float, perplexity: float, rate: tuple[float, int, int] = PLAIN) -> Record:
    metrics = {
        "psnr": {"value": psnr, "n": N, "higher_is_better": True, "unit": "dB"},
        "perplexity": {"value": perplexity, "n": N, "higher_is_better": None, "unit": ""},
    }
    return a_record(method, task="reconstruction", metrics=metrics, cost=spent(*rate))


BOARD = [
    a_record("a", 0.7, cost=spent(*PLAIN)),
    a_record("b", 0.6, cost=spent(*PLAIN)),
    a_record("rvq", 0.9, cost=spent(*RESIDUAL)),
    reconstruction("a", 20.0, 256.0),
    reconstruction("b", 21.0, 8.0),
    reconstruction("rvq", 25.0, 4096.0, RESIDUAL),
]


def test_marks_and_ranks_are_among_equal_bits() -> None:
    twice = [
        a_record(record.method.name, record.metrics["accuracy"].value + 0.001, seed=1, cost=record.cost)
        for record in BOARD[:3]
    ]
    page = shown([*BOARD, *twice])
    table = rows(page)
    assert list(table) == ["method", "a", "b", "rvq"]
    assert table["method"][-4:] == ["rank", "bits", "train s", "seeds"]
    assert table["a"][0].startswith("**0.70")
    assert (table["a"][2:4], table["b"][2:4], table["rvq"][2:4]) == (["1", "576"], ["2", "576"], ["—", "1,152"])
    said = "Methods compete only at equal bits an image, most at 576; ranked and marked apart: rvq (1,152)."
    assert page.count(said) == 2  # of both tasks


def test_two_residual_methods_compete_with_each_other() -> None:
    more = [
        a_record(name, value, seed=seed, cost=spent(*RESIDUAL))
        for name, values in (("rvq", (0.9, 0.901)), ("rvq-2", (0.8, 0.801)))
        for seed, value in enumerate(values, 1)
    ]
    table = rows(shown([*BOARD[:2], *more]))
    assert (table["rvq"][2], table["rvq-2"][2], table["a"][2]) == ("1", "2", "—")


def test_rate_and_distortion_have_all() -> None:
    table = rows(shown(BOARD), "<details><summary>Rate and distortion</summary>")
    assert table["method"] == [
        "bits a position", "bits an image", "entropy a position (bit)", "entropy an image (bit)", "psnr ↑ (dB)", "n",
    ]  # fmt: skip
    assert table["a"][:5] == ["9", "576", "8", "512", "20.00"]
    assert table["rvq"][:5] == ["18", "1,152", "12", "768", "25.00"]
    assert list(table) == ["method", "b", "a", "rvq"]
    assert "**" not in shown(BOARD).split("Rate and distortion")[1].split("</details>")[0]


def test_programs_read_the_rates_too() -> None:
    (section,) = json.loads(to_json(render(BOARD)))["sections"]
    (of_rvq,) = (row for row in section["tables"][-1]["rows"] if row["method"] == "rvq")
    assert (of_rvq["bits_per_position"], of_rvq["tokens_per_image"]) == (18, 128)
    assert len(section["rates"]["rows"]) == 3
    assert "& 1,152 & 1" in to_tex(render(BOARD))


def test_records_that_say_no_rate_leave_the_page_as_it_is() -> None:
    page = shown([a_record("a", 0.7), a_record("b", 0.6)])
    assert rows(page)["a"][3] == "—"
    assert "Rate and distortion" not in page
    assert "apart" not in page


def test_classes_are_by_bits_of_an_image() -> None:
    one, same, more = Rate(9, 64, 64), Rate(18, 64, 32), Rate(18, 128, 64)
    assert classes({"a": more, "b": one, "c": None, "d": same}) == [["b", "d"], ["a"], ["c"]]
    assert classes({}) == []


@pytest.mark.parametrize("variant", ["no-image", "shuffled-image", "floor", "own-head-no-image", "random-match"])
def test_controls_of_a_metric_point_nowhere(variant: str) -> None:
    metrics = {
        name: {"value": value, "n": N, "higher_is_better": True, "unit": ""}
        for name, value in (("accuracy", 0.7), (f"accuracy@{variant}", 0.2))
    }
    page = shown([a_record("a", metrics=metrics), a_record("b", 0.6, metric=f"accuracy@{variant}")])
    table = rows(page, "<details><summary>All metrics of vqa</summary>")
    assert table["method"][:2] == ["accuracy ↑", f"accuracy@{variant}"]
    assert rows(page)["method"][0] == "accuracy ↑"


def test_the_smallest_difference_stands_below_the_table(tmp_path: Path) -> None:
    store = RecordStore(tmp_path)
    records = [store.write(a_record("a", value, seed=seed)) for seed, value in enumerate((0.5, 0.6, 0.7))]
    assert "Noise of" not in shown(records, store)
    (tmp_path / FILE).write_text(noise_file(estimate(records)))
    line = "Noise of accuracy. Smallest difference that seeds can find (80 % power): 0.57 with 2, 0.31 with 3, "
    assert line in shown(records, store)
    other = [record.model_copy(update={"protocol_hash": "beef"}) for record in records]
    assert "Noise of" not in shown(other, store)  # what is known is of another protocol
    assert store.all().problems == []
