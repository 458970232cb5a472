"""Pooling over settings, against statsmodels."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from statsmodels.stats.meta_analysis import combine_effects

from bench.statistics.effect import Effect
from bench.statistics.pooling import Pooled, pooled


def of(values: np.ndarray, variances: np.ndarray) -> Pooled:
    return pooled([Effect(v, math.sqrt(u), 9.0, None, None) for v, u in zip(values, variances, strict=True)])


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("between", [0.0, 1.0])
def test_mean_and_interval_are_those_of_statsmodels(seed: int, between: float) -> None:
    generator = np.random.default_rng(seed)
    variances = generator.uniform(0.1, 1, size=3 + seed)
    values = generator.normal(size=3 + seed) * np.sqrt(variances + between)
    theirs = combine_effects(values, variances, method_re="iterated", use_t=True, atol=1e-7)
    ours = of(values, variances)
    assert ours.effect.estimate == pytest.approx(theirs.mean_effect_re, abs=1e-6)
    assert ours.effect.error == pytest.approx(theirs.sd_eff_w_re_hksj, rel=1e-6)
    assert ours.spread**2 == pytest.approx(theirs.tau2, abs=1e-5)
    low, high = theirs.conf_int()[3]
    assert ours.effect.half_width() == pytest.approx((high - low) / 2, rel=1e-6)
    assert ours.alike == pytest.approx(theirs.test_homogeneity().pvalue)
    assert ours.inconsistency == pytest.approx(max(0, theirs.i2))


def test_equal_errors_give_the_t_interval_of_the_effects() -> None:
    values = np.array([0.1, 0.5, 0.3, 0.9])
    ours = of(values, np.full(4, 0.01))
    low, high = scipy.stats.t.interval(0.95, 3, values.mean(), scipy.stats.sem(values))
    assert (ours.effect.estimate, ours.effect.half_width()) == pytest.approx((values.mean(), (high - low) / 2))


def test_another_setting_is_less_certain_than_their_mean() -> None:
    ours = of(np.array([0.1, 0.5, 0.3]), np.array([0.01, 0.02, 0.03]))
    assert ours.low is not None
    assert ours.high is not None
    assert ours.high - ours.low > 2 * ours.effect.half_width()
    assert of(np.array([0.1, 0.5]), np.array([0.01, 0.02])).low is None


def test_equal_effects_have_no_spread() -> None:
    ours = of(np.full(3, 0.2), np.array([0.1, 0.2, 0.3]))
    assert (ours.effect.estimate, ours.spread, ours.inconsistency) == (pytest.approx(0.2), 0, 0)
    assert ours.alike == pytest.approx(1)


@pytest.mark.parametrize("errors", [[0.1], [0.1, 0.0], [0.1, math.inf]])
def test_what_cannot_be_pooled_is_named(errors: list[float]) -> None:
    with pytest.raises(ValueError, match="cannot be pooled"):
        pooled([Effect(0.0, error, 3, None, None) for error in errors])


def test_intervals_cover_the_mean_of_settings() -> None:
    generator, rounds = np.random.default_rng(7), 2000
    variances = np.array([0.5, 1.0, 2.0])
    covered = 0
    for _ in range(rounds):
        effect = of(generator.normal(size=3) * np.sqrt(variances + 1), variances).effect
        covered += abs(effect.estimate) <= effect.half_width()
    assert covered / rounds == pytest.approx(0.95, abs=0.02)
