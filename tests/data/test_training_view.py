"""Random crops and flips of training images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.contracts.data import Split, Strips
from bench.data.pixels.training_view import TrainingView, read_strips, training_images, write_index

SIDE = 4
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (3, SIDE, SIDE, 3)).astype(np.uint8)
LENGTHS = [4, 9, 6]
PIXELS = RNG.integers(0, 256, (sum(LENGTHS), SIDE, 3)).astype(np.uint8)
STRIPS = Strips(PIXELS, np.concatenate([[0], np.cumsum(LENGTHS)]), np.array([False, True, False]))
SPLIT = Split("train", IMAGES, [["a"]] * 3)


def test_without_a_transform_nothing_is_between() -> None:
    assert training_images(SPLIT, 0) is SPLIT.images


def test_flips_are_half_of_the_images_and_nothing_else() -> None:
    view = training_images(replace(SPLIT, flip=True), 0)
    rows = np.zeros(400, np.int64)
    found = view[rows]
    flipped = (found == IMAGES[0][:, ::-1]).all((1, 2, 3))
    assert ((found == IMAGES[0]).all((1, 2, 3)) ^ flipped).all()
    assert 150 < flipped.sum() < 250


def test_crops_are_pieces_of_the_strip_the_right_way_up() -> None:
    view = TrainingView(IMAGES, STRIPS, False, 0)
    found = view[np.ones(200, np.int64)]
    strip = PIXELS[4:13]
    pieces = [strip[offset : offset + SIDE].swapaxes(0, 1) for offset in range(6)]
    which = [[offset for offset, piece in enumerate(pieces) if np.array_equal(piece, crop)] for crop in found]
    assert all(len(offsets) == 1 for offsets in which)
    assert {offsets[0] for offsets in which} == set(range(6))
    assert np.array_equal(view[np.array([0])][0], PIXELS[:4])


def test_the_seed_decides() -> None:
    rows = np.arange(60) % 3
    one, same, other = (TrainingView(IMAGES, STRIPS, True, seed)[rows] for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_reading_draws_anew() -> None:
    view = TrainingView(IMAGES, STRIPS, True, 0)
    rows = np.arange(60) % 3
    assert not np.array_equal(view[rows], view[rows])


def test_an_index_that_does_not_fit(tmp_path: Path) -> None:
    assert read_strips(tmp_path) is None
    np.save(tmp_path / "strips.npy", PIXELS)
    write_index(tmp_path, LENGTHS, [False, True, False])
    found = read_strips(tmp_path)
    assert found is not None
    assert np.array_equal(found.starts, STRIPS.starts)
    write_index(tmp_path, [4, 9, 7], [False, True, False])
    with pytest.raises(ValueError, match="does not fit the pixels"):
        read_strips(tmp_path)
