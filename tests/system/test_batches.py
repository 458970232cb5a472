from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from bench.system.batches import shuffled


def batches(count: int, size: int, number: int, seed: int = 0) -> list[np.ndarray]:
    return list(islice(shuffled(count, size, np.random.default_rng(seed)), number))


def test_every_row_comes_once_before_any_comes_again() -> None:
    rows = np.concatenate(batches(10, 4, 5))
    assert sorted(rows[:10]) == sorted(rows[10:]) == list(range(10))


def test_a_batch_larger_than_the_set_is_full() -> None:
    for rows in batches(3, 8, 4):
        assert rows.shape == (8,)
        assert rows.dtype == np.int64
        assert np.bincount(rows).min() >= 2


def test_the_batches_are_the_permutations_of_the_generator() -> None:
    rng = np.random.default_rng(3)
    expected = np.concatenate([rng.permutation(5), rng.permutation(5)])
    assert np.concatenate(batches(5, 2, 5, seed=3)).tolist() == expected.tolist()


def test_a_permutation_is_drawn_only_when_a_batch_needs_it() -> None:
    rng, same = np.random.default_rng(0), np.random.default_rng(0)
    rows = shuffled(4, 2, rng)
    assert rng.random() == same.random()
    next(rows)
    same.permutation(4)
    assert rng.random() == same.random()
    next(rows)
    assert rng.random() == same.random()


def test_no_rows_give_no_batches() -> None:
    with pytest.raises(ValueError, match="no rows"):
        shuffled(0, 2, np.random.default_rng(0))
