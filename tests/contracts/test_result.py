"""What a task measured: values with their standard errors."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bench.contracts.result import Score, TaskResult


def test_a_mean_over_examples_has_its_standard_error() -> None:
    result = TaskResult()
    result.add("accuracy", np.array([1.0, 0.0, 1.0, 0.0]))
    assert result.metrics["accuracy"] == Score(0.5, 4, "examples", None, pytest.approx(math.sqrt(1 / 3) / 2))
    result.add("psnr", np.array([20.0]))
    assert result.metrics["psnr"] == Score(20, 1, "examples")


def test_examples_of_one_image_move_together() -> None:
    result, scores, images = TaskResult(), np.array([1, 1, 0, 0, 1, 0]), np.array([3, 3, 8, 8, 9, 9])
    result.add("accuracy", scores, images=images)
    score = result.metrics["accuracy"]
    assert score.clusters == "images"
    assert score.error == pytest.approx(math.sqrt(2 * 3 / 2) / 6)  # sums about the mean: 1, -1, 0
    result.add("accuracy", scores, images=np.full(6, 3), part="one-image")
    assert result.metrics["accuracy/one-image"].error is None


def test_a_value_of_the_whole_set_has_the_error_that_it_is_given() -> None:
    result = TaskResult()
    result.add_whole("bleu", 0.5, 10, source="4", error=np.float32(0.25))
    result.add_whole("usage", 0.5, 10)
    result.add_whole("fd", 0, 10, error=0)
    assert [result.metrics[name].error for name in ("bleu_4", "usage", "fd")] == [0.25, None, 0.0]
    assert all(type(score.error) in (float, type(None)) for score in result.metrics.values())


@pytest.mark.parametrize("error", [-1e-9, math.nan, math.inf])
def test_an_error_that_is_none_is_refused(error: float) -> None:
    with pytest.raises(ValueError, match=r"^fd@novel: a standard error is finite and 0 or more, not"):
        TaskResult().add_whole("fd", 1.0, 10, variant="novel", error=error)
