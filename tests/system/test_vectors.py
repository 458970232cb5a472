"""Scores of examples in few bytes: whole numbers exactly, means kept, old files read."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest

from bench.system.vectors import pack_vectors, unpack_vectors

RNG = np.random.default_rng(0)


def back(array: np.ndarray) -> np.ndarray:
    return unpack_vectors(pack_vectors({"a/b@c": array}))["a/b@c"]


@pytest.mark.parametrize(
    "ids",
    [[], [7], [0, 0, 1, 1, 5], [5, 1, 5], [2**31 - 1, -(2**31), 0, -1], list(range(5_000)), RNG.integers(0, 9, 50)],
    ids=["none", "one", "repeated", "down again", "extremes", "count", "random"],
)
def test_whole_numbers_come_back_exactly(ids: list[int]) -> None:
    found = back(np.array(ids, np.int64))
    assert found.dtype == np.int32
    assert found.tolist() == list(ids)


@pytest.mark.parametrize(
    "scores",
    [
        RNG.normal(23, 2.5, 2_000),
        RNG.uniform(0, 1, 5_000),
        RNG.lognormal(-4, 1, 30),
        np.array([1e-30, -3.7, 1e30]),
        np.array([3.4028235e38, 1.0]),
    ],
    ids=["psnr", "iou", "few", "range", "largest"],
)
def test_scores_are_rounded_and_their_mean_is_kept(scores: np.ndarray) -> None:
    found = back(scores)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, scores, rtol=2**-14)
    np.testing.assert_allclose(
        found.mean(dtype=np.float64), scores.astype(np.float32).mean(dtype=np.float64), rtol=1e-6
    )


def test_round_numbers_come_back_exactly_and_equal_ones_stay_equal() -> None:
    assert back(np.array([0.0, 1.0, 0.5, -0.25, 3.0])).tolist() == [0.0, 1.0, 0.5, -0.25, 3.0]
    thirds = back(np.repeat(1 / 3, 9))
    assert len(np.unique(thirds)) == 1
    ordered = back(np.sort(RNG.uniform(0, 1, 1_000)))
    assert (np.diff(ordered) >= 0).all()


def test_what_is_not_finite_stays() -> None:
    np.testing.assert_array_equal(back(np.array([np.nan, np.inf, 0.1])), np.array([np.nan, np.inf, 0.1], np.float32))


def test_files_of_before_are_read() -> None:
    packed = io.BytesIO()
    old = {"accuracy": np.array([0.1, 0.2], np.float32), "images": np.array([4, 4], np.int32)}
    np.savez_compressed(packed, **old)  # type: ignore[arg-type]
    found = unpack_vectors(packed.getvalue())
    assert all(np.array_equal(found[name], old[name]) and found[name].dtype == old[name].dtype for name in old)


@pytest.mark.parametrize(
    "array",
    [np.zeros((3, 5), np.uint8), np.zeros((4, 5, 1), np.uint8), np.zeros((4, 5), np.uint16), np.zeros(4, np.uint8)],
)
def test_other_arrays_are_refused(array: np.ndarray) -> None:
    packed = io.BytesIO()
    np.savez_compressed(packed, a=array)
    with pytest.raises(ValueError, match="a is not a float32 or int32 vector"):
        unpack_vectors(packed.getvalue())


def test_only_what_is_wanted_is_unpacked_and_nothing_can_be_written_to() -> None:
    packed = pack_vectors({"a": RNG.normal(23, 2.5, 2_000), "b": np.zeros(5), "image": np.arange(2_000)})
    found = unpack_vectors(packed, {"a", "image", "c"})
    assert found.keys() == {"a", "image"}
    for array in unpack_vectors(packed).values():
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_the_same_ids_in_two_files_are_one_array() -> None:
    ids = np.repeat(np.arange(2_000), 5)
    first, second = (unpack_vectors(pack_vectors({"a": RNG.normal(0, 1, 2_000), "image": ids})) for _ in range(2))
    assert first["image"] is second["image"]
    assert not np.array_equal(first["a"], second["a"])


def test_ids_cost_next_to_nothing_and_scores_two_bytes() -> None:
    ids = {name: np.repeat(np.arange(2_000), 5) for name in ("images", "images/color", "images@validation")}
    assert len(pack_vectors(ids)) < 1_500
    assert len(pack_vectors({"psnr": RNG.normal(23, 2.5, 2_000)})) < 2_000 * 2.6
    names = zipfile.ZipFile(io.BytesIO(pack_vectors(ids))).namelist()
    assert names == sorted(f"{name}.npy" for name in ids)
