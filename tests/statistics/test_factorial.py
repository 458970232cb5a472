"""Contrasts and effects of factorial designs: parity with least squares of statsmodels, known effects, the null."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from helpers.made_trainings import REGIMES, Regime, methods

from bench.statistics.factorial import contrast, effects
from bench.statistics.trainings import Trainings

SUBSETS = [frozenset(part) for size in range(4) for part in itertools.combinations("abc", size)]


def plain(values: Sequence[float], seeds: Sequence[int]) -> Trainings:
    return Trainings(tuple(seeds), np.array(values), None, "", None, 100)


def table(tables: Sequence[Trainings]) -> pd.DataFrame:
    rows = [(m, seed, y) for m, one in enumerate(tables) for seed, y in zip(one.seeds, one.values, strict=True)]
    return pd.DataFrame(rows, columns=["method", "seed", "y"])


def drawn(seeds: Sequence[Sequence[int]], generator: np.random.Generator) -> list[Trainings]:
    shared = generator.normal(size=9)
    return [plain(generator.normal(size=len(own)) + shared[list(own)], own) for own in seeds]


@pytest.mark.parametrize(
    "seeds",
    [
        [(0, 1, 2)] * 5,
        [(0, 1, 2), (0, 2), (0, 1, 2, 3), (3,), (1, 2, 3)],
        [(0, 1, 2, 3, 4, 5, 6), (1, 2, 3, 4, 5)],  # more seeds than methods
    ],
)
def test_shared_seeds_are_the_blocks_of_least_squares(seeds: list[tuple[int, ...]]) -> None:
    tables = drawn(seeds, np.random.default_rng(0))
    fitted = smf.ols("y ~ C(method) - 1 + C(seed)", table(tables)).fit()
    weights = np.random.default_rng(1).normal(size=len(tables))
    weights -= weights.mean()
    theirs = fitted.t_test(np.r_[weights, np.zeros(len(fitted.params) - len(weights))])
    ours = contrast(tables, list(weights))
    assert ours is not None
    assert (ours.estimate, ours.error, ours.freedom) == pytest.approx(
        (theirs.effect[0], theirs.sd[0, 0], fitted.df_resid), rel=1e-9
    )
    assert ours.p() == pytest.approx(float(theirs.pvalue))


def test_seeds_of_their_own_are_pooled_within_methods() -> None:
    tables = drawn([(0, 1, 2), (3, 4), (5, 6), (7,)], np.random.default_rng(2))
    fitted = smf.ols("y ~ C(method) - 1", table(tables)).fit()
    theirs, ours = fitted.t_test([1, 1, -1, -1]), contrast(tables, [1, 1, -1, -1])
    assert ours is not None
    assert (ours.estimate, ours.error, ours.freedom) == pytest.approx((theirs.effect[0], theirs.sd[0, 0], 4))


def test_effects_are_those_of_the_regression_on_coded_factors() -> None:
    generator = np.random.default_rng(3)
    tables = dict(zip(SUBSETS, drawn([(0, 1, 2)] * 8, generator), strict=True))
    frame = table(list(tables.values()))
    for name in "abc":
        frame[name] = [0.5 if name in SUBSETS[m] else -0.5 for m in frame["method"]]
    fitted = smf.ols("y ~ a * b * c + C(seed)", frame).fit()
    found = effects(tables, "abc")
    assert list(found) == [("a",), ("b",), ("c",), ("a", "b"), ("a", "c"), ("b", "c"), ("a", "b", "c")]
    for part, effect in found.items():
        name = ":".join(part)
        assert effect.estimate == pytest.approx(fitted.params[name]), name
        assert effect.error == pytest.approx(fitted.bse[name]), name
        assert effect.p() == pytest.approx(fitted.pvalues[name]), name
        assert effect.freedom == 14


def test_known_effects_come_out() -> None:
    jitter = np.array([-0.001, 0.001, 0.0005])
    tables = {s: plain(1 + 2 * ("a" in s) - ("b" in s) + 4 * (len(s) == 3) + jitter, range(3)) for s in SUBSETS}
    found = effects(tables, "abc")
    assert found["a",].estimate == pytest.approx(2 + 4 / 4)
    assert found["b",].estimate == pytest.approx(-1 + 4 / 4)
    assert found["a", "b"].estimate == pytest.approx(4 / 2)
    assert found["a", "b", "c"].estimate == pytest.approx(4)


def test_an_effect_is_no_surer_than_its_images() -> None:
    generator = np.random.default_rng(4)
    tables = methods(generator, Regime(0.001, 0.999, 0.0), [range(3)] * 8, images=500)
    effect = effects(dict(zip(SUBSETS, tables, strict=True)), "abc")["a",]
    means = np.stack([np.asarray(one.images).mean(0) for one in tables])
    each = means[[i for i, s in enumerate(SUBSETS) if "a" in s]].mean(0)
    each -= means[[i for i, s in enumerate(SUBSETS) if "a" not in s]].mean(0)
    assert effect.images == pytest.approx(each.std(ddof=1) / math.sqrt(500))
    assert effect.error == pytest.approx(effect.images, rel=0.05)


def test_images_of_other_methods_and_known_errors_add_up() -> None:
    generator = np.random.default_rng(5)
    a, b = methods(generator, Regime(0.1, 0.8, 0.1), [range(3)] * 2)
    found = contrast([a, b, plain([0.1, 0.2, 0.3], range(3))], [0.5, 0.5, -1])
    worst = max(np.asarray(one.images).mean(0).std(ddof=1) / math.sqrt(60) for one in (a, b))
    both = (np.asarray(a.images).mean(0) + np.asarray(b.images).mean(0)) / 2
    assert found is not None
    assert found.images == pytest.approx(math.hypot(worst, both.std(ddof=1) / math.sqrt(60)))


def test_one_training_each_says_nothing() -> None:
    assert contrast([plain([1.0], [0]), plain([2.0], [0])], [1, -1]) is None
    assert effects({s: plain([1.0], [0]) for s in SUBSETS}, "abc") == {}


def test_weights_of_another_sum_are_no_contrast() -> None:
    with pytest.raises(ValueError, match="no contrast"):
        contrast([plain([1, 2], [0, 1])] * 2, [1, 1])


def test_without_any_variation_there_is_no_error() -> None:
    found = contrast([plain([1, 1, 1], range(3)), plain([3, 3, 3], range(3))], [1, -1])
    assert found is not None
    assert (found.estimate, found.error) == (-2, 0)


@pytest.mark.parametrize(
    "regime",
    [
        REGIMES["trainings"],
        Regime(0.95, 0.03, 0.02, seeds=0.6),  # heads shared by seed
        REGIMES["images"],
        REGIMES["mixed"],
    ],
)
def test_no_effect_is_found_in_five_of_a_hundred(regime: Regime) -> None:
    generator, rounds = np.random.default_rng(6), 300
    found = []
    for _ in range(rounds):
        made = dict(zip(SUBSETS, methods(generator, regime, [range(3)] * 8), strict=True))
        found += [effect.p() < 0.05 for effect in effects(made, "abc").values()]
    slack = 3 * math.sqrt(0.05 * 0.95 / len(found)) * 1.1  # effects of one design share their variance
    assert abs(np.mean(found) - 0.05) < 0.015 + slack


def test_numbers_too_large_to_be_squared_say_nothing() -> None:
    huge = plain([1e200, -1e200, 1e199], range(3))
    assert contrast([huge, plain([1.0, 2.0, 3.0], range(3))], [1, -1]) is None
