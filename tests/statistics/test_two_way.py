"""Values and differences over trainings and images: known answers, parity, and what they must never claim."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import statsmodels.formula.api as smf
from helpers.made_records import a_record
from helpers.made_trainings import Regime, methods
from statsmodels.stats.anova import anova_lm

from bench.statistics.few_clusters import clustered_mean
from bench.statistics.trainings import Trainings, trainings_of
from bench.statistics.two_way import difference, mean, residual


def plain(values: Sequence[float], seeds: Sequence[int] | None = None, error: float | None = None) -> Trainings:
    return Trainings(tuple(seeds or range(len(values))), np.array(values), None, "", error, 100)


def imaged(images: np.ndarray, layout: str = "same") -> Trainings:
    return Trainings(tuple(range(len(images))), images.mean(1), images, layout, None, images.shape[1])


def test_a_value_without_images_has_the_t_interval_of_its_trainings() -> None:
    effect = mean(plain([0.61, 0.64, 0.66]))
    low, high = scipy.stats.t.interval(0.95, 2, np.mean([0.61, 0.64, 0.66]), scipy.stats.sem([0.61, 0.64, 0.66]))
    assert (effect.estimate - effect.half_width(), effect.estimate + effect.half_width()) == pytest.approx((low, high))
    assert effect.images is None


def test_one_training_says_nothing_about_others() -> None:
    scores = np.random.default_rng(0).normal(size=(1, 50))
    effect = mean(imaged(scores))
    assert effect.training is None
    assert (effect.error, effect.freedom) == (pytest.approx(scipy.stats.sem(scores[0])), 49)
    assert difference(plain([0.5]), plain([0.6, 0.7])) is None
    assert mean(plain([0.5])).half_width() == math.inf


def test_parts_are_those_of_the_two_way_table() -> None:
    scores = np.random.default_rng(1).normal(size=(4, 6)) + np.arange(6) + np.arange(4)[:, None]
    table = pd.DataFrame({"y": scores.ravel(), "s": np.repeat(range(4), 6), "i": np.tile(range(6), 4)})
    squares = anova_lm(smf.ols("y ~ C(s) + C(i)", table).fit())["mean_sq"]
    effect = mean(imaged(scores))
    assert effect.training == pytest.approx(math.sqrt(squares["C(s)"] / 24))
    assert effect.images == pytest.approx(math.sqrt(squares["C(i)"] / 24))
    assert residual(imaged(scores)) == pytest.approx(squares["Residual"])
    assert effect.error**2 == pytest.approx((squares["C(s)"] + squares["C(i)"] - squares["Residual"]) / 24)


def test_a_difference_without_images_is_near_welchs() -> None:
    a, b = np.random.default_rng(2).normal(size=(2, 12))
    effect, welch = difference(plain(a), plain(b)), scipy.stats.ttest_ind(a, b, equal_var=False)
    assert effect is not None
    assert effect.estimate / effect.error == pytest.approx(welch.statistic)
    assert effect.freedom == pytest.approx(welch.df, rel=0.1)


def test_images_that_both_methods_find_hard_cancel() -> None:
    generator = np.random.default_rng(3)
    hard = generator.normal(size=200) * 10
    a, b = (imaged(hard + generator.normal(size=(3, 200))) for _ in range(2))
    together = difference(a, b)
    apart = difference(a, imaged(np.asarray(b.images), "other"))
    assert together is not None
    assert apart is not None
    assert apart.estimate == together.estimate
    assert apart.images == pytest.approx(math.hypot(mean(a).images or 0, mean(b).images or 0))
    assert (together.images or 0) < (apart.images or 0) / 5


def test_known_errors_stand_in_for_images() -> None:
    effect = difference(plain([10, 11], error=3.0), plain([20, 21], error=4.0))
    assert effect is not None
    assert effect.images == pytest.approx(5)
    one_known = difference(plain([10, 11], error=3.0), plain([20, 21]))
    assert one_known is not None
    assert one_known.images == pytest.approx(3 * math.sqrt(2))


def test_methods_without_a_common_seed_are_compared() -> None:
    effect = difference(plain([0.70, 0.71], seeds=[0, 1]), plain([0.70, 0.71], seeds=[2, 3]))
    assert effect is not None
    assert (effect.estimate, effect.p()) == (0, 1)


def test_a_method_that_is_better_in_all_is_not_worse_at_the_seed_they_share() -> None:
    a, b = plain([0.60, 0.85, 0.86], seeds=[0, 1, 2]), plain([0.75], seeds=[0])
    effect = difference(a, b)
    assert effect is None  # one training of b: nothing is known of others
    effect = difference(a, plain([0.75, 0.76], seeds=[0, 3]))
    assert effect is not None
    assert effect.estimate > 0
    assert effect.p() > 0.05


def test_a_difference_that_two_seeds_repeat_is_not_certain() -> None:
    images = np.random.default_rng(4).normal(size=500)
    a = imaged(np.stack([images, images + 0.01]))
    other = images + np.random.default_rng(5).normal(size=500) * 0.1 + 0.005
    b = imaged(np.stack([other, other + 0.01]))
    effect = difference(a, b)
    assert effect is not None
    assert 0.01 < effect.p() < 1


def test_more_seeds_never_make_it_surer_than_the_images_allow() -> None:
    generator = np.random.default_rng(6)
    images = generator.normal(size=400)
    for count in (2, 5, 50):
        effect = mean(imaged(images + generator.normal(size=(count, 400)) * 0.01))
        assert effect.images is not None
        assert effect.error >= effect.images
        assert effect.half_width() > 1.95 * scipy.stats.sem(images) * 0.99


def test_what_does_not_vary_has_no_error() -> None:
    same = imaged(np.full((3, 40), 0.25))
    effect = mean(same)
    assert (effect.estimate, effect.error, effect.half_width()) == (0.25, 0, 0)
    against = difference(same, imaged(np.full((2, 40), 0.5)))
    assert against is not None
    assert (against.estimate, against.error, against.p()) == (-0.25, 0, 0)


def test_one_side_without_variation_leaves_the_freedom_of_the_other() -> None:
    effect = difference(plain([1.0, 1.0, 1.0]), plain([0.5, 0.7]))
    assert effect is not None
    assert (effect.error, effect.freedom) == (pytest.approx(0.1), pytest.approx(1))


def test_order_of_methods_only_turns_the_sign() -> None:
    a, b = methods(np.random.default_rng(7), Regime(0.5, 0.3, 0.2), [range(3), range(2)])
    one, other = difference(a, b), difference(b, a)
    assert one is not None
    assert other is not None
    assert (one.estimate, one.error, one.freedom) == pytest.approx((-other.estimate, other.error, other.freedom))


@pytest.mark.parametrize("size", [1e155, 1e200, 1e307])
def test_numbers_too_large_to_be_squared_say_nothing(size: float) -> None:
    huge, usual = plain([size, -size, size / 2]), plain([1.0, 2.0])
    assert mean(huge).error == math.inf
    assert difference(huge, usual) is None
    assert difference(plain([size, size], error=size), usual) is None


def test_few_images_of_unequal_numbers_of_questions_have_the_careful_error() -> None:
    """As `clustered_mean` has it from the questions themselves; many images have the plain one."""
    rng = np.random.default_rng(0)
    ids = np.repeat(np.arange(8), [1, 2, 3, 4, 5, 9, 12, 14])
    scores = rng.random(len(ids))
    record = a_record("a", float(scores.mean()), metrics={"accuracy": {
        "value": float(scores.mean()), "n": len(ids), "higher_is_better": True, "unit": "", "over": "examples",
        "clusters": "image"}})  # fmt: skip
    found = trainings_of([record], "accuracy", {record.key: {"accuracy": scores, "image": ids}})
    assert found is not None
    ours, theirs = mean(found), clustered_mean(scores, ids)
    assert (ours.error, ours.freedom) == pytest.approx((theirs.error, theirs.freedom))
    assert ours.freedom < 6
