"""What records say of a metric: one value a training, and what each image gave to it."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.made_records import N, a_record

from bench.records.record import Record
from bench.statistics.trainings import Trainings, needed, trainings_of
from bench.system.standard_error import of_mean

CORRECT = np.repeat(np.arange(N // 4) < 30, 4).astype(np.float32)
"""Four questions an image, of which all or none are answered."""
IMAGES = np.arange(N) // 4


def record(value: float, over: str | None, clusters: str | None, metric: str = "accuracy", **changes: object) -> Record:
    measured = {"value": value, "n": N, "higher_is_better": True, "unit": "", "over": over, "clusters": clusters}
    error = changes.pop("error", None)
    if error is not None:
        measured["error"] = error
    return a_record("a", value, metrics={metric: measured}, **changes)  # type: ignore[arg-type]


def of(one: Record, arrays: dict[str, np.ndarray], metric: str = "accuracy") -> Trainings:
    found = trainings_of([one], metric, {one.key: arrays})
    assert found is not None
    return found


def spread(found: Trainings) -> float:
    """Standard error of the first value over images."""
    assert found.images is not None
    return float(np.std(found.images[0], ddof=1) / np.sqrt(found.images.shape[1]))


def test_questions_of_one_image_are_one() -> None:
    found = of(record(0.6, "examples", "photo"), {"accuracy": CORRECT, "photo": IMAGES})
    assert found.images is not None
    assert found.images.shape == (1, N // 4)
    assert found.images.mean() == pytest.approx(0.6)
    assert spread(found) == pytest.approx(of_mean(CORRECT, IMAGES))


@pytest.mark.parametrize("seed", range(5))
def test_unequal_numbers_of_questions_leave_value_and_clustered_error(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ids = np.sort(rng.integers(0, 40, N))
    scores = (rng.random(N) < 0.3 + 0.4 * (ids % 2)).astype(np.float32)
    found = of(record(float(scores.mean()), "examples", "photo"), {"accuracy": scores, "photo": ids})
    assert found.images is not None
    assert found.images.mean() == pytest.approx(found.values[0], rel=1e-6)
    assert spread(found) == pytest.approx(of_mean(scores, ids), rel=1e-6)


def test_a_record_says_itself_whether_a_value_is_a_mean_of_its_examples() -> None:
    assert of(record(0.6, "set", None), {"accuracy": CORRECT}).images is None
    assert of(record(0.6, "examples", None), {"accuracy": CORRECT}).images is not None
    assert needed(record(0.6, "set", None), "accuracy") == set()
    written = record(0.6, "examples", "photo", key="k", per_example="k.npz")
    assert needed(written, "accuracy") == {"accuracy", "photo"}
    assert needed(written, "wups") == set()


def test_without_its_clusters_or_with_one_of_them_nothing_is_known_of_images() -> None:
    one = record(0.6, "examples", "photo")
    for arrays in (
        {"accuracy": CORRECT},
        {"accuracy": CORRECT, "photo": IMAGES[:-1]},
        {"accuracy": CORRECT, "photo": np.zeros(N, int)},
        {},
    ):
        assert of(one, arrays).images is None


def test_records_written_before_they_said_so_are_read_as_they_were_meant() -> None:
    said = of(record(0.6, "examples", "image"), {"accuracy": CORRECT, "image": IMAGES}).images
    old = record(0.6, None, None)
    assert np.array_equal(of(old, {"accuracy": CORRECT, "image": IMAGES}).images, said)
    part = of(record(0.6, None, None, "accuracy/color@new"),
              {"accuracy/color@new": CORRECT, "image/color@new": IMAGES}, "accuracy/color@new")  # fmt: skip
    assert np.array_equal(part.images, said)
    assert of(old, {"accuracy": CORRECT}).images is not None
    assert of(record(0.5, None, None), {"accuracy": CORRECT, "image": IMAGES}).images is None


def test_several_fits_on_one_training_count_once() -> None:
    fits = [
        record(0.4, "examples", None, seed=0, head_seed=head, key=f"k{head}") for head in (0, 1)
    ] + [record(0.9, "examples", None, seed=1, head_seed=1, key="other")]  # fmt: skip
    arrays = [np.arange(N) < 80, np.arange(N) >= 120, np.arange(N) < 180]
    found = trainings_of(fits, "accuracy", {r.key: {"accuracy": a} for r, a in zip(fits, arrays, strict=True)})
    assert found is not None
    assert found.seeds == (0, 1)
    assert found.values.tolist() == [0.4, 0.9]
    assert found.images is not None
    assert sorted(set(found.images[0])) == [0.0, 0.5]
    assert found.mean == pytest.approx(0.65)


def test_scores_of_other_images_in_some_training_are_not_used() -> None:
    both = [record(0.5, "examples", None, seed=seed, key=f"k{seed}") for seed in (0, 1)]
    scores = {"k0": {"accuracy": np.arange(N) % 2}, "k1": {"accuracy": np.arange(N // 2) % 2}}
    found = trainings_of(both, "accuracy", scores)
    assert found is not None
    assert found.images is None
    assert found.values.tolist() == [0.5, 0.5]
    half = trainings_of(both, "accuracy", {"k0": scores["k0"]})
    assert half is not None
    assert half.images is None
    assert trainings_of(both, "wups", scores) is None


def test_layouts_tell_images_apart() -> None:
    one = of(record(0.6, "examples", "photo"), {"accuracy": CORRECT, "photo": IMAGES})
    same = of(record(0.6, "examples", "photo"), {"accuracy": CORRECT, "photo": IMAGES})
    other = of(record(0.6, "examples", "photo"), {"accuracy": CORRECT, "photo": IMAGES + 1})
    assert one.layout == same.layout != other.layout


def test_the_error_of_a_whole_set_is_that_of_one_training() -> None:
    both = [record(0.5, "set", None, seed=seed, error=error) for seed, error in ((0, 0.03), (1, 0.04))]
    found = trainings_of(both, "accuracy", {})
    assert found is not None
    assert found.error == pytest.approx(np.sqrt((0.03**2 + 0.04**2) / 2))
    half = [both[0], record(0.5, "set", None, seed=1)]
    assert trainings_of(half, "accuracy", {}).error is None  # type: ignore[union-attr]
