from __future__ import annotations

import numpy as np
import pytest

from bench.system.streams import STREAMS, generator

USED_TOGETHER = (
    ("training batches", "training captions", "crops"),
    ("batches", "captions", "test captions", "stand-ins", "distractors"),
    ("test examples", "probe batches"),
)


def test_streams_that_are_used_together_all_differ() -> None:
    for names in USED_TOGETHER:
        first = {name: generator(7, name).integers(2**62) for name in names}
        assert len(set(first.values())) == len(names), first


def test_every_stream_is_looked_at_by_this_test() -> None:
    assert sorted(STREAMS) == sorted(name for names in USED_TOGETHER for name in names)


def test_a_stream_starts_again_for_the_same_seed_and_differs_for_another() -> None:
    again = [generator(seed, "batches").permutation(100).tolist() for seed in (0, 0, 1)]
    assert again[0] == again[1] != again[2]


def test_the_draws_of_committed_results_stay() -> None:
    assert generator(5, "batches").random() == np.random.default_rng([5, 0]).random()
    assert generator(5, "training captions").random() == np.random.default_rng([5, 1]).random()


def test_an_unknown_stream_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ValueError, match="unknown random stream 'caption'; did you mean 'captions'"):
        generator(0, "caption")
