from __future__ import annotations

import numpy as np
import pytest
import torch

from bench.metrics.boxes import box_accuracy, box_iou, corners
from bench.registry import metric_of
from bench.system.torchvision_ops import make_importable


def boxes(*rows: tuple[float, float, float, float]) -> np.ndarray:
    return np.array(rows)


@pytest.mark.parametrize(
    ("predicted", "expected"),
    [
        ((0.5, 0.5, 0.4, 0.4), 1),
        ((0.7, 0.5, 0.4, 0.4), 1 / 3),  # half of each is shared
        ((0.5, 0.5, 0.2, 0.2), 1 / 4),  # inside it
        ((0.9, 0.5, 0.4, 0.4), 0),  # they touch
        ((0.1, 0.1, 0.1, 0.1), 0),
        ((0.5, 0.5, 0, 0), 0),  # nothing
        ((0.5, 0.5, -0.4, -0.4), 0),  # inside out
    ],
)
def test_hand_made_cases(predicted: tuple[float, float, float, float], expected: float) -> None:
    assert box_iou(boxes(predicted), boxes((0.5, 0.5, 0.4, 0.4))) == pytest.approx([expected])


def test_as_torchvision_has_it() -> None:
    """Within 1e-12: both in float64. Boxes inside the image, so that nothing is cut."""
    make_importable()
    from torchvision.ops import box_iou as theirs

    draw = np.random.default_rng(0)
    one, other = (
        np.concatenate([draw.uniform(0.3, 0.7, (500, 2)), draw.uniform(0.05, 0.6, (500, 2))], 1) for _ in "ab"
    )
    expected = theirs(torch.from_numpy(corners(one)), torch.from_numpy(corners(other))).diagonal().numpy()
    assert (expected > 0.5).any()
    assert box_iou(one, other) == pytest.approx(expected, abs=1e-12)


def test_what_lies_outside_the_image_does_not_count() -> None:
    assert box_iou(boxes((0, 0, 1, 1)), boxes((0.25, 0.25, 0.5, 0.5))) == pytest.approx([1])
    assert box_iou(boxes((1.5, 1.5, 0.5, 0.5)), boxes((0.5, 0.5, 1, 1))) == pytest.approx([0])


def test_iou_is_one_of_equals_and_does_not_care_for_order() -> None:
    one, other = boxes((0.5, 0.5, 0.2, 0.6), (0.3, 0.4, 0.2, 0.2)), boxes((0.45, 0.5, 0.4, 0.4), (0.3, 0.5, 0.2, 0.2))
    assert box_iou(one, one) == pytest.approx([1, 1])
    assert box_iou(one, other) == pytest.approx(box_iou(other, one))


def test_half_is_enough() -> None:
    assert box_accuracy(np.array([0, 0.4999, 0.5, 1])).tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("rows", [(1, 4), (2, 5), (2,)])
def test_shapes_that_do_not_fit_are_refused(rows: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"not \[N, 4\]"):
        box_iou(np.zeros(rows), np.zeros((2, 4)))


def test_a_box_that_is_not_finite_is_refused() -> None:
    with pytest.raises(ValueError, match="not finite"):
        box_iou(boxes((0.5, np.nan, 0.1, 0.1)), boxes((0.5, 0.5, 0.1, 0.1)))


def test_they_are_metrics() -> None:
    for name in ("box_accuracy@novel-pairs", "box_iou@no-image"):
        assert (metric_of(name).higher_is_better, metric_of(name).unit) == (True, "")
