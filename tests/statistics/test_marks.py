"""Marks of many methods: parity, the faults of marks by pairs, error rates, and thousands of methods."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
import scipy.stats
from helpers.made_trainings import REGIMES, Regime, methods

from bench.statistics import image_spreads
from bench.statistics.marks import standings
from bench.statistics.trainings import Trainings

ROUNDS = 300
SLACK = 3 * math.sqrt(0.05 * 0.95 / ROUNDS)


def plain(values: Sequence[float], seeds: Sequence[int] | None = None, error: float | None = None) -> Trainings:
    return Trainings(tuple(seeds or range(len(values))), np.array(values, float), None, "", error, 100)


def apart(count: int, spread: float = 1.0) -> list[Trainings]:
    """Methods with seeds of their own, without images."""
    generator = np.random.default_rng(count)
    return [plain(i * spread + generator.normal(size=3), range(9 * i, 9 * i + 3)) for i in range(count)]


def may_be_best(tables: Sequence[Trainings]) -> list[bool]:
    """Higher is better; none where nothing can be told."""
    found = standings(tables, higher_is_better=True)
    return [False] * len(tables) if found is None else [standing.best for standing in found]


def ranks(tables: Sequence[Trainings], higher_is_better: bool = True) -> list[tuple[int, int]]:
    found = standings(tables, higher_is_better)
    assert found is not None
    return [standing.rank for standing in found]


def is_any_told_apart(tables: Sequence[Trainings]) -> bool:
    return any(rank != (1, len(tables)) for rank in ranks(tables))


def test_ranks_count_those_told_apart_as_by_tukey() -> None:
    for spread in (0.5, 1.0, 1.5, 2.0):
        tables = apart(6, spread)
        pairs = scipy.stats.tukey_hsd(*(table.values for table in tables)).pvalue < 0.05
        means = np.array([table.mean for table in tables])
        below = means[:, None] < means
        expected = [(1 + int(n.sum()), 6 - int(m.sum())) for n, m in zip(pairs & below, pairs & ~below, strict=True)]
        assert ranks(tables) == expected
        assert ranks(tables, higher_is_better=False) == [(7 - last, 7 - first) for first, last in expected]
    assert is_any_told_apart(tables)


def test_a_method_may_be_the_best_as_by_dunnett() -> None:
    # one-sided comparison of each with all others as its control, pooled variance (scipy.stats.dunnett)
    tables = apart(5, 1.2)
    for i, may in enumerate(may_be_best(tables)):
        others = [table.values for j, table in enumerate(tables) if j != i]
        theirs = scipy.stats.dunnett(*others, control=tables[i].values, alternative="greater", random_state=0)
        assert may == bool((theirs.pvalue > 0.05).all())


def test_the_best_is_always_marked() -> None:
    for seed in range(30):
        tables = methods(np.random.default_rng(seed), REGIMES["mixed"], [range(3)] * 6)
        marked = may_be_best(tables)
        assert marked[int(np.argmax([table.mean for table in tables]))]


def test_a_better_method_is_marked_though_its_seeds_differ() -> None:
    tables = [plain([0.60, 0.85, 0.86]), plain([0.75])]  # by the seed they share, the second is better
    assert may_be_best(tables)[0]
    assert not is_any_told_apart(tables)


def test_methods_without_a_common_seed_are_tested() -> None:
    equal = [plain([0.70, 0.71], [0, 1]), plain([0.71, 0.70], [2, 3])]
    assert may_be_best(equal) == [True, True]
    unequal = [plain([0.70, 0.71, 0.70], [0, 1, 2]), plain([0.50, 0.51, 0.50], [3, 4, 5])]
    assert may_be_best(unequal) == [True, False]


def test_one_training_each_marks_nothing() -> None:
    tables = [plain([0.9]), plain([0.1])]
    assert standings(tables, higher_is_better=True) is None
    assert may_be_best(tables) == [False, False]
    assert standings([plain([0.1, 0.2])], higher_is_better=True) is None
    assert standings([], higher_is_better=True) is None


def test_one_training_takes_part_with_the_noise_of_the_others() -> None:
    noisy = [plain([0.70, 0.74, 0.72]), plain([0.71, 0.75, 0.70])]
    assert may_be_best([*noisy, plain([0.73])]) == [True, True, True]
    assert may_be_best([*noisy, plain([0.30])]) == [True, True, False]


def test_a_constant_does_not_make_the_others_look_sure() -> None:
    noisy = [plain([0.70, 0.78, 0.62]), plain([0.64, 0.72, 0.56])]
    constants = [plain([value] * 3) for value in (0.1, 0.2, 0.3, 0.4)]
    assert ranks(noisy) == [(1, 2), (1, 2)]
    assert [first for first, _ in ranks([*noisy, *constants])[:2]] == [1, 1]


def test_without_any_variation_what_differs_is_told_apart() -> None:
    assert may_be_best([plain([0.5, 0.5]), plain([0.4, 0.4]), plain([0.5, 0.5])]) == [True, False, True]


def test_images_keep_equal_trainings_from_being_told_apart() -> None:
    generator = np.random.default_rng(0)
    tables = []
    for shift in (0.0, 0.005):  # both seeds give the same difference
        images = generator.normal(size=300) + shift
        scores = np.stack([images, images])
        tables.append(Trainings((0, 1), scores.mean(1), scores, "same", None, 300))
    assert not is_any_told_apart(tables)


def test_what_is_known_of_images_may_differ() -> None:
    a, b = methods(np.random.default_rng(1), REGIMES["images"], [range(3)] * 2, images=100)
    other = Trainings(a.seeds, a.values, a.images, "other", None, 100)
    for table in (plain([5.0, 5.1, 5.2], error=0.2), plain([5.0, 5.1, 5.2]), other):
        assert standings([a, b, table], higher_is_better=True) is not None
    assert ranks([a, b, plain([50.0, 50.1, 50.2])])[2] == (1, 1)
    assert not is_any_told_apart([a, b, plain([5.0, 5.1, 5.2], error=50.0)])


@pytest.mark.parametrize("count", [2, 5, 20])
@pytest.mark.parametrize(
    ("regime", "seeds"),
    [
        (REGIMES["trainings"], 2),
        (REGIMES["trainings"], 5),
        (REGIMES["mixed"], 3),
        (Regime(0.9, 0.08, 0.02, seeds=0.5), 3),
        (REGIMES["images"], 2),
    ],
)
def test_equal_methods_are_seldom_told_apart(count: int, regime: Regime, seeds: int) -> None:
    generator = np.random.default_rng(seeds)
    told = unmarked = 0
    for _ in range(ROUNDS):
        found = standings(methods(generator, regime, [range(seeds)] * count, images=100), higher_is_better=True)
        assert found is not None
        told += any(standing.rank != (1, count) for standing in found)
        unmarked += not found[0].best  # if all are equal, each is as good as the best
    assert told / ROUNDS < 0.05 + SLACK
    assert unmarked / ROUNDS < 0.05 + SLACK


@pytest.mark.parametrize(
    "seeds",
    [
        [(0, 1, 2)] * 3 + [(0, 1), (2,)],
        [(0, 1)] * 8 + [(7, 8)],
        [(0, 1, 2)] + [(0,)] * 5,
    ],
)
def test_nor_are_they_with_unequal_seeds(seeds: list[tuple[int, ...]]) -> None:
    generator = np.random.default_rng(2)
    told = 0
    for _ in range(ROUNDS):
        told += is_any_told_apart(methods(generator, Regime(0.9, 0.08, 0.02, seeds=0.7), seeds))
    assert told / ROUNDS < 0.05 + SLACK


def test_a_better_one_is_found() -> None:
    generator = np.random.default_rng(3)
    marked = []
    for _ in range(50):
        tables = methods(generator, REGIMES["trainings"], [range(3)] * 10)
        best = tables[0]
        tables[0] = Trainings(best.seeds, best.values + 7, np.asarray(best.images) + 7, "same", None, best.n)
        marked.append(may_be_best(tables))
    assert all(one[0] for one in marked)
    assert np.mean([sum(one) for one in marked]) < 1.5


def test_thousands_of_methods() -> None:
    generator = np.random.default_rng(4)
    tables = methods(generator, REGIMES["mixed"], [range(2)] * 1500, images=50)
    found = standings(tables, higher_is_better=True)
    assert found is not None
    assert len(found) == 1500


def test_bounds_of_very_many_are_no_narrower_than_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    tables = methods(np.random.default_rng(5), REGIMES["images"], [range(2)] * 8)
    pairs = image_spreads.image_spreads(tables, blocked=True)
    monkeypatch.setattr(image_spreads, "MOST_PAIRED", 4)
    bounds = image_spreads.image_spreads(tables, blocked=True)
    assert pairs is not None
    assert bounds is not None
    every = slice(0, 8)
    off = ~np.eye(8, dtype=bool)
    assert (bounds.rows(every)[off] >= pairs.rows(every)[off] - 1e-12).all()
    assert (bounds.rows(every)[off] <= 4 * pairs.rows(every)[off]).all()
