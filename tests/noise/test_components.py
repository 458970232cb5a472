"""Known components in, the same out; and what cannot be known is not claimed."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import ttest_ind

from bench.noise.components import Components, Fit, ImageErrors, components, image_errors
from bench.noise.power import smallest_difference

TRAINING, COMMON, HEAD = 3.0, 1.5, 2.0


def simulated(
    seed: int, methods: int = 40, trainings: int = 6, heads: int = 5, crossed: bool = True
) -> list[list[Fit]]:
    """Fits of methods with means far apart, with known components."""
    rng = np.random.default_rng(seed)
    common = rng.normal(0, COMMON, max(trainings, heads))
    found = []
    for _ in range(methods):
        mean, of_training = rng.normal(0, 100), rng.normal(0, TRAINING, trainings)
        seeds = itertools.product(range(trainings), range(heads)) if crossed else [(t, t) for t in range(trainings)]
        found.append([Fit(t, h, mean + of_training[t] + common[h] + rng.normal(0, HEAD)) for t, h in seeds])
    return found


def mean_of(crossed: bool, runs: int = 60) -> np.ndarray:
    """Mean estimates of the variances: of head, training and total."""
    found = [components(simulated(seed, crossed=crossed)) for seed in range(runs)]
    return np.array([[np.nan if x is None else x**2 for x in (c.head, c.training, c.total)] for c in found]).mean(0)


def test_variances_are_estimated_without_bias() -> None:
    head, training, total = mean_of(crossed=True)
    assert head == pytest.approx(COMMON**2 + HEAD**2, rel=0.08)
    assert training == pytest.approx(TRAINING**2, rel=0.04)
    assert total == pytest.approx(TRAINING**2 + COMMON**2 + HEAD**2, rel=0.05)


def test_one_fit_a_training_tells_the_total_alone() -> None:
    head, training, total = mean_of(crossed=False)
    assert np.isnan(head)
    assert np.isnan(training)
    assert total == pytest.approx(TRAINING**2 + COMMON**2 + HEAD**2, rel=0.05)


def test_a_balanced_design_gives_what_the_analysis_of_variance_gives() -> None:
    """Mean squares of the two-way crossed table of one method, Searle, Casella and McCulloch 1992, section 4.3."""
    fits = simulated(1, methods=1)[0]
    table = np.array([fit.value for fit in fits]).reshape(6, 5)
    rows, columns = table.mean(1), table.mean(0)
    rest = table - rows[:, None] - columns + table.mean()
    of_rest, of_training, of_head = (rest**2).sum() / 20, 5 * rows.var(ddof=1), 6 * columns.var(ddof=1)
    training, head = (of_training - of_rest) / 5, (of_head - of_rest) / 6 + of_rest
    found = components([fits])
    assert found.head == pytest.approx(np.sqrt(head))
    assert found.training == pytest.approx(np.sqrt(training))
    assert found.total == pytest.approx(np.sqrt(training + head))


def test_small_examples_by_hand() -> None:
    two_fits = [Fit(0, 0, 1.0), Fit(0, 1, 3.0)]
    assert components([two_fits]) == Components(2**0.5, None, None, 1, 0)
    two_trainings = [Fit(0, 0, 1.0), Fit(1, 1, 5.0)]
    assert components([two_trainings]) == Components(None, None, 8**0.5, 0, 1)
    assert components([two_fits, two_trainings]) == Components(2**0.5, 6**0.5, 8**0.5, 1, 1)
    same_head = [Fit(0, 0, 1.0), Fit(1, 0, 5.0)]
    assert components([same_head]) == Components(None, None, 8**0.5, 0, 1)
    steady = [Fit(0, 0, 1.0), Fit(1, 1, 1.0)]  # trainings differ by less than heads do: no negative variance
    assert components([two_fits, steady]) == Components(2**0.5, 0.0, 2**0.5, 1, 1)


@pytest.mark.parametrize("methods", [[], [[]], [[Fit(0, 0, 1.0)]], [[Fit(0, 0, 1.0)], [Fit(0, 0, 2.0)]]])
def test_one_fit_a_method_says_nothing(methods: list[list[Fit]]) -> None:
    assert components(methods) == Components(None, None, None, 0, 0)


def test_errors_over_images_are_those_of_every_pair() -> None:
    rng = np.random.default_rng(0)
    shared = rng.normal(size=200)
    scores = [shared + rng.normal(size=200) * scale for scale in (0.5, 1.0, 1.5)]
    found = image_errors(scores)
    assert found is not None
    errors = [np.std(values, ddof=1) / 200**0.5 for values in scores]
    pairs = [np.std(a - b, ddof=1) / 200**0.5 for a, b in itertools.combinations(scores, 2)]
    assert found.value == pytest.approx(np.sqrt(np.mean(np.square(errors))))
    assert found.difference == pytest.approx(np.sqrt(np.mean(np.square(pairs))))
    assert found.images == 200


def test_questions_of_one_image_count_as_one() -> None:
    scores = np.repeat(np.random.default_rng(0).normal(size=50), 4)
    by_image, alone = image_errors([scores], np.repeat(np.arange(50), 4)), image_errors([scores[::4]])
    assert by_image is not None
    assert alone is not None
    assert by_image.value == pytest.approx(alone.value)
    assert by_image.difference == pytest.approx(alone.value * 2**0.5)  # with one method nothing is shared


def test_no_images_no_errors() -> None:
    assert image_errors([]) is None
    assert image_errors([np.array([1.0])]) is None
    assert image_errors([np.array([1.0, 2.0])], np.array([7, 7])) is None


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_the_smallest_difference_is_found_four_times_in_five(seeds: int) -> None:
    difference = smallest_difference(1.7, None, seeds)
    assert difference is not None
    rng = np.random.default_rng(seeds)
    a, b = rng.normal(0, 1.7, (20_000, seeds)), rng.normal(difference, 1.7, (20_000, seeds))
    assert (ttest_ind(a, b, axis=1).pvalue < 0.05).mean() == pytest.approx(0.8, abs=0.012)


def test_smallest_differences_of_the_literature() -> None:
    """Cohen 1988, table 2.4.1: 80 % power at two-sided 5 % takes 17 in each group for d 1 and 64 for d 0.5."""
    assert smallest_difference(1.0, None, 17) == pytest.approx(1.0, abs=0.01)
    assert smallest_difference(1.0, None, 64) == pytest.approx(0.5, abs=0.005)
    assert smallest_difference(1.0, None, 1) is None
    assert smallest_difference(0.0, None, 3) == 0


def test_images_are_a_floor_that_seeds_do_not_lower() -> None:
    images = ImageErrors(1.0, 0.5, 2_000)
    found = [smallest_difference(1.0, images, seeds) or 0 for seeds in (2, 3, 5, 10, 10_000)]
    assert found == sorted(found, reverse=True)
    assert found[-1] == pytest.approx(0.5 * 2.8, abs=0.02)  # 1.96 + 0.84 standard errors
