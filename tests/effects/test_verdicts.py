"""What is said of an effect."""

from __future__ import annotations

import math

import pytest
from helpers.made_records import a_record

from bench.effects.gather import Asked, Metrics
from bench.effects.margins import margin_of
from bench.effects.naming import listed, spoken
from bench.effects.verdicts import change_shown, error_shown, verdict
from bench.registry import all_metrics
from bench.statistics.effect import Effect

POINTS = Asked("accuracy", "", True, margin_of("accuracy"), True)
DECIBELS = Asked("psnr", "dB", True, margin_of("psnr"), False)
DISTANCE = Asked("fd_x", "", False, None, False)


def an_effect(estimate: float, error: float) -> Effect:
    return Effect(estimate, error, 1000, error, 0.0)


@pytest.mark.parametrize(
    ("estimate", "error", "metric", "code", "text"),
    [
        (0.03, 0.005, POINTS, "raises", "raises it"),
        (-0.03, 0.005, POINTS, "lowers", "lowers it"),
        (-0.002, 0.0025, POINTS, "equivalent", "less than 1 point either way"),
        (0.004, 0.001, POINTS, "raises a little", "raises it, by less than 1 point"),
        (-0.004, 0.001, POINTS, "lowers a little", "lowers it, by less than 1 point"),
        (0.003, 0.005, POINTS, "unknown", "cannot be told: could have found 1.4 points"),
        (0.03, 0.005, DECIBELS, "raises a little", "raises it, by less than 0.1 dB"),
        (5.0, 1.0, DISTANCE, "raises", "raises it, which is worse"),
        (-5.0, 1.0, DISTANCE, "lowers", "lowers it, which is better"),
        (0.5, 1.0, DISTANCE, "unknown", "cannot be told: could have found 2.8"),
        (0.0, 0.0, POINTS, "equivalent", "less than 1 point either way"),
    ],
)
def test_words_follow_from_p_and_from_the_margin(
    estimate: float, error: float, metric: Asked, code: str, text: str
) -> None:
    effect = an_effect(estimate, error)
    assert verdict(effect, effect.p(), metric) == (code, text)


def test_an_adjusted_p_takes_a_claim_back() -> None:
    effect = an_effect(0.03, 0.0149)
    assert effect.p() < 0.05
    assert verdict(effect, 0.1, POINTS).code == "unknown"


@pytest.mark.parametrize(
    ("effect", "metric", "shown"),
    [
        (an_effect(-0.002, 0.00255), POINTS, "-0.2 ± 0.5 points"),
        (an_effect(0.012, 0.0255), DECIBELS, "+0.012 ± 0.050 dB"),
        (an_effect(-1e-9, 1.0), DISTANCE, "+0.0 ± 2.0"),
        (an_effect(1234.5, 100.0), DISTANCE, "+1,234 ± 196"),
        (an_effect(0.5, 0.0), DISTANCE, "+0.5 ± 0.0"),
    ],
)
def test_changes_have_the_digits_that_their_intervals_bear(effect: Effect, metric: Asked, shown: str) -> None:
    assert change_shown(effect, metric) == shown


def test_what_is_not_known_is_a_dash() -> None:
    assert [error_shown(value, POINTS) for value in (None, math.inf, 0.01)] == ["—", "—", "1.0"]
    assert [error_shown(value, DECIBELS) for value in (0.1149, 23.0)] == ["0.11", "23"]


def test_margins_are_written_down_for_shares_captions_and_pixels() -> None:
    declared = all_metrics()
    points = [name for name in declared if (margin := margin_of(name, declared)) and margin.size == 0.01]
    assert {"accuracy", "word_recall", "box_accuracy", "objects_named", "objects_placed"} <= set(points)
    assert all(declared[name].higher_is_better for name in points)
    assert [margin_of(name, declared) for name in ("fd_x", "lpips_alex", "similarity_mse", "none")] == [None] * 4
    assert margin_of("r_precision_judge", declared) == (0.01, "1 point")
    assert margin_of("cider_d", declared) == (0.1, "0.1 CIDEr-D")
    assert margin_of("psnr", declared) == (0.1, "0.1 dB")


def test_the_headline_comes_first_and_those_with_margins_follow() -> None:
    def measured(*names: str) -> dict[str, object]:
        return {name: {"value": 0.5, "n": 2, "higher_is_better": True, "unit": ""} for name in names}

    captions = a_record(task="captioning", metrics=measured("bleu_4", "cider_d", "objects_named", "novelty", "x@real"))
    assert [one.name for one in Metrics().asked("captioning", [captions])] == ["objects_named", "cider_d"]
    pictures = a_record(task="reconstruction", metrics=measured("fd_a", "lpips_alex", "usage"))
    (first,) = Metrics().asked("reconstruction", [pictures])
    assert (first.name, first.higher_is_better) == ("lpips_alex", False)  # as declared, not as the record says
    theirs = a_record(task="theirs", metrics=measured("zeal"))
    assert [one.name for one in Metrics().asked("theirs", [theirs])] == ["zeal"]
    assert Metrics().asked("vqa", [a_record(metrics={})]) == []


def test_names_in_sentences() -> None:
    assert [spoken("vqa", "accuracy"), spoken("captioning", "cider_d")] == ["VQA accuracy", "captioning CIDEr-D"]
    assert [listed(names) for names in (["a"], ["a", "b"], ["a", "b", "c"])] == ["a", "a and b", "a, b and c"]
