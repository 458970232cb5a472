"""Two methods side by side."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.made_designs import LOSSES, a_setting, made, stored
from helpers.made_records import a_record

from bench.effects.compare import compare
from bench.effects.compare_text import to_text
from bench.errors import UsageError
from bench.records.record import Record
from bench.records.store import RecordStore
from bench.statistics import two_way


@pytest.fixture
def store(tmp_path: Path) -> RecordStore:
    return RecordStore(tmp_path)


@pytest.fixture
def records(store: RecordStore) -> list[Record]:
    """Three trainings of vqgan and lgvq, which is 5 points better."""
    return list(stored(store, {"gsa": 0.05}, only=[(), LOSSES], training=0.003))


def test_the_difference_is_that_of_the_statistics(store: RecordStore, records: list[Record]) -> None:
    (found,) = compare(records, ("lgvq", "vqgan"), "vqa", store)
    (metric,) = found.metrics
    assert metric.difference == two_way.difference(metric.first, metric.second)
    assert metric.difference is not None
    assert metric.difference.estimate == pytest.approx(0.05, abs=0.01)
    assert (found.labels, found.title) == (("lgvq", "vqgan"), "emoji-scenes, preset tiny")
    text = to_text([found])
    assert "first: lgvq, 3 trainings (seeds 0, 1, 2)" in text
    assert text.splitlines()[-1].startswith("  accuracy: lgvq less vqgan is +")
    assert text.endswith("points: lgvq is better\n")
    (turned,) = compare(records, ("vqgan", "lgvq"), "vqa", store)
    assert to_text([turned]).endswith("points: lgvq is better\n")


def test_no_difference_within_the_margin_is_said_to_be_small(store: RecordStore) -> None:
    alike = list(stored(store, {}, only=[(), LOSSES], training=0.001, seeds=5))
    assert "less than 1 point either way" in to_text(compare(alike, ("lgvq", "vqgan"), "vqa", store))
    noisy = list(stored(store, {}, only=[(), LOSSES], training=0.05, seeds=2, rng_seed=1))
    assert "cannot be told: could have found" in to_text(compare(noisy, ("lgvq", "vqgan"), "vqa", store))


def test_one_training_says_nothing_of_another(store: RecordStore) -> None:
    one = list(stored(store, {"gsa": 0.05}, only=[(), LOSSES], seeds=1))
    (found,) = compare(one, ("lgvq", "vqgan"), "vqa", store)
    text = to_text([found])
    assert "accuracy: ± is for other images; these trainings only, another training may differ" in text
    assert "better" not in text
    (found,) = compare(one, ("lgvq", "vqgan"), "vqa")
    assert "nothing is known of the error of the difference: these trainings only" in to_text([found])


def test_lower_is_better(store: RecordStore) -> None:
    records = list(stored(store, {"gsa": 0.05}, only=[(), LOSSES], metric="l1", higher=False, task="reconstruction"))
    assert to_text(compare(records, ("lgvq", "vqgan"), "reconstruction", store)).endswith(": vqgan is better\n")


def test_labels_are_those_of_the_leaderboard() -> None:
    records = [made(a_setting((), init=init), value) for init, value in (("uniform", 0.5), ("features", 0.7))]
    records.append(made(a_setting(LOSSES), 0.6))
    (found,) = compare(records, ("lgvq", "vqgan (init=features)"), "vqa")
    assert found.metrics[0].second.mean == 0.7
    with pytest.raises(
        UsageError, match=r"'vqgan' means several rows: vqgan \(init=features\); vqgan \(init=uniform\)"
    ):
        compare(records, ("lgvq", "vqgan"), "vqa")
    # a row that has no record of the task is not meant
    elsewhere = made(a_setting((), init="kmeans"), task="captioning")
    (found,) = compare([records[0], records[2], elsewhere], ("lgvq", "vqgan"), "vqa")
    assert found.labels == ("lgvq", "vqgan (init=uniform)")


@pytest.mark.parametrize(
    ("names", "changes", "message"),
    [
        (("lgvq", "vgan"), {}, "no record of vqa by 'vgan'; did you mean 'vqgan'"),
        (("vqgan", "vqgan"), {}, "'vqgan' and 'vqgan' are the same row: vqgan"),
        (("lgvq", "vqgan"), {"task": "vqqa"}, "no record of the task 'vqqa'; did you mean 'vqa'"),
        (("lgvq", "vqgan"), {"task": "captioning"}, "no record of captioning by 'lgvq'; no method has any"),
        (("lgvq", "vqgan"), {"dataset": "emoji"}, "no record of the data set 'emoji'; did you mean 'emoji-scenes'"),
        (("lgvq", "vqgan"), {"preset": "paper"}, "no record of the preset 'paper'"),
        (("lgvq", "blind"), {}, "no record of vqa by 'blind'"),
    ],
)
def test_what_does_not_exist_is_named(names: tuple[str, str], changes: dict[str, str], message: str) -> None:
    records = [made(a_setting(LOSSES)), made(a_setting()), a_record("blind", 0.1)]
    with pytest.raises(UsageError, match=message.replace("(", r"\(")):
        compare(records, names, **{"task": "vqa", **changes})  # type: ignore[arg-type]


def test_protocols_are_not_mixed() -> None:
    one, other = made(a_setting(LOSSES)), made(a_setting(), protocol_hash="ab")
    with pytest.raises(UsageError, match="have no records of vqa under one protocol"):
        compare([one, other], ("lgvq", "vqgan"), "vqa")
    both = [one, other, made(a_setting(LOSSES), protocol_hash="ab")]
    (found,) = compare(both, ("lgvq", "vqgan"), "vqa")
    assert "protocol ab" in found.title


def test_names_from_records_do_nothing_to_a_terminal() -> None:
    hostile = "\x1b[31mred\u202e"
    records = [made({"method": hostile, "arguments": {}}), made(a_setting())]
    text = to_text(compare(records, (hostile, "vqgan"), "vqa"))
    assert "\x1b" not in text
    assert "\u202e" not in text
    shown = r"\x1b[31mred\u202e"
    assert shown in text
    assert to_text(compare(records, (shown, "vqgan"), "vqa")) == text


def test_metrics_of_one_side_alone_are_left_out() -> None:
    metrics = {name: {"value": 0.5, "n": 2, "higher_is_better": True, "unit": ""} for name in ("vqa_accuracy", "usage")}
    records = [made(a_setting(LOSSES), metrics=metrics), made(a_setting())]
    (found,) = compare(records, ("lgvq", "vqgan"), "vqa")
    assert found.metrics == ()
    assert "no metric with a direction is measured of both" in to_text([found])
