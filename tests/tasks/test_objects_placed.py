"""Objects where a caption puts them: what captions ask for, and that the detector finds what is there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.contracts.data import Box, Split
from bench.contracts.result import TaskResult
from bench.errors import NotMeasurable
from bench.presets import Budget
from bench.tasks.parts.generator import placed
from bench.tasks.parts.networks import detector
from bench.tasks.parts.networks.detector import detect, fitted_detector

CPU = torch.device("cpu")
NAMES = ["the car", "the carrot", "the red square", "the square"]
SHORT = Budget(steps=60, batch_size=32, learning_rate=3e-3, width=8, layers=0)


def squares(count: int, seed: int, cache: Path | None = None) -> Split:
    """A red or a blue square in one corner of a grey picture."""
    rng = np.random.default_rng(seed)
    images, boxes = np.full((count, 16, 16, 3), 128, np.uint8), []
    for image in range(count):
        corner, color = (int(number) for number in rng.integers(0, (4, 2)))
        row, column = divmod(corner, 2)
        images[image, 8 * row + 2 : 8 * row + 7, 8 * column + 2 : 8 * column + 7] = ((220, 0, 0), (0, 0, 220))[color]
        boxes.append(Box(image, ("the red", "the blue")[color], (column / 2 + 0.28, row / 2 + 0.28, 0.3, 0.3)))
    return Split("train", images, boxes=boxes, cache=cache)


@pytest.mark.parametrize(
    ("caption", "found"),
    [
        ("a carrot at the top left and a car at the bottom right on blue", [(1, 0), (0, 3)]),
        ("car top right, carrot bottom left, white background", [(0, 1), (1, 2)]),
        ("a car alone in the bottom left corner", [(0, 2)]),
        ("a red square left of a square on blue", [(2, -1), (3, -1)]),
        ("cars and a scar at the top left", []),
    ],
)
def test_objects_are_read_with_the_corner_behind_them(caption: str, found: list[tuple[int, int]]) -> None:
    asked = placed.asked([caption, "a car"], NAMES)
    assert list(zip(asked.images, asked.names, asked.corners, strict=True)) == [
        *((0, name, corner) for name, corner in found),
        (1, 0, -1),
    ]


def test_captions_that_name_nothing_cannot_be_scored() -> None:
    with pytest.raises(NotMeasurable, match="no caption names an object"):
        placed.asked(["a bird with a red crown"], NAMES)


def test_an_object_counts_in_its_corner_alone_and_anywhere_where_no_corner_is_said() -> None:
    seen = np.zeros((3, 4, 4), bool)
    seen[0, 0, 0] = seen[1, 2, 0] = seen[2, 3, 1] = True
    result = TaskResult()
    captions = ["a car at the top left and a carrot at the top right", "a car at the bottom right", "a carrot"]
    placed.score(result, placed.asked(captions, NAMES), seen, "")
    assert result.per_example["objects_placed"].tolist() == [1, 0, 0]
    assert result.per_example["objects_placed/no-place"].tolist() == [1]
    assert result.metrics["objects_placed"].clusters == "images"
    assert result.per_example["images"].tolist() == [0, 0, 1]


def test_the_detector_finds_what_is_there_and_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detector, "RECIPE", SHORT)
    training, others = squares(200, 0, tmp_path), squares(40, 1)
    model = fitted_detector(training, CPU)
    assert model.names == ("the blue", "the red")
    seen = detect(model, others.images, CPU)
    truth = np.zeros_like(seen)
    for box in others.boxes:
        truth[box.image, 2 * (box.box[1] >= 0.5) + (box.box[0] >= 0.5), model.names.index(box.text)] = True
    assert (seen == truth).mean() > 0.98
    assert truth[seen].mean() > 0.95
    assert len(list(tmp_path.iterdir())) == 1
    again = fitted_detector(training, CPU)
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in model.state_dict().items())


def test_names_with_few_boxes_are_not_learned() -> None:
    few = replace(squares(200, 0), boxes=squares(200, 0).boxes[:10])
    with pytest.raises(NotMeasurable, match="no name with 20"):
        fitted_detector(few, CPU)
