from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as functional
from helpers.squares import CPU, PIXELS, decode
from PIL import Image

from bench.contracts.codes import Codes
from bench.contracts.data import Box, Split
from bench.contracts.result import TaskResult
from bench.contracts.task import Work
from bench.presets import Budget
from bench.registry import metric_names, metric_of
from bench.tasks.grounding import GREEN, RED, Grounding, _fitted, _samples
from bench.tasks.parts.language.vocabulary import Vocabulary
from bench.tasks.parts.networks.grounder import Grounder

BUDGET = Budget(steps=150, batch_size=32, learning_rate=1e-3, width=64, layers=2)
SHORT = replace(BUDGET, steps=10)
SIZES = {"train": 512, "validation": 40, "test": 80, "test-novel-pairs": 30}
COLORS = ("red", "green", "blue")
WHITE = 3


def made_world() -> tuple[dict[str, Codes], dict[str, Split]]:
    """One coloured square, sometimes two, in the quarters of a white image; an expression names a colour."""
    table = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))
    codes, dataset = {}, {}
    for number, (name, count) in enumerate(SIZES.items()):
        draw = np.random.default_rng(number)
        array = np.full((count, 2, 2), WHITE, np.int32)
        boxes = []
        for image in draw.permutation(count)[5:].tolist():
            shown = int(draw.integers(1, 3))
            for color, place in zip(draw.permutation(WHITE)[:shown], draw.permutation(4)[:shown], strict=True):
                array[image].flat[place] = color
                row, column = divmod(int(place), 2)
                boxes.append(Box(image, f"the {COLORS[color]}", (0.25 + column / 2, 0.25 + row / 2, 0.5, 0.5)))
        codes[name] = Codes(array, table, True, decode)
        dataset[name] = Split(name, PIXELS[array].repeat(8, axis=1).repeat(8, axis=2), boxes=boxes)
    return codes, dataset


@pytest.fixture(scope="module")
def grounded() -> TaskResult:
    codes, dataset = made_world()
    return Grounding().run(Work(codes, dataset, BUDGET, 0, CPU))


def test_the_head_learns_where_which_thing_is(grounded: TaskResult) -> None:
    """Who knows where something is, but not what, is right at every single square and at half of the others: 2 in 3."""
    for suffix in ("", "@novel-pairs", "@validation"):
        assert grounded.metrics[f"box_accuracy{suffix}"].value > 0.75
        assert grounded.metrics[f"box_iou{suffix}"].value > 0.7


def test_without_the_image_or_with_another_one_it_does_not_know(grounded: TaskResult) -> None:
    for suffix in ("@no-image", "@shuffled-image"):
        assert grounded.metrics[f"box_accuracy{suffix}"].value < 0.4


def test_without_codes_it_reads_the_expression_alone() -> None:
    """Who cannot see what is where names at best one of four quarters each time."""
    _, dataset = made_world()
    blind = Grounding().run(Work(None, dataset, BUDGET, 0, CPU))
    assert blind.metrics["box_accuracy"].value < 0.4
    assert set(blind.metrics) == {
        name + suffix for name in ("box_accuracy", "box_iou") for suffix in ("", "@validation", "@novel-pairs")
    }


def test_an_expression_that_says_where_it_is_needs_no_codes() -> None:
    _, dataset = made_world()
    telling = {
        name: replace(split, boxes=[replace(box, text=f"{box.box[0]:.2f} {box.box[1]:.2f}") for box in split.boxes])
        for name, split in dataset.items()
    }
    blind = Grounding().run(Work(None, telling, BUDGET, 0, CPU))
    assert blind.metrics["box_accuracy"].value > 0.95


def test_scores_are_of_expressions_and_carry_images(grounded: TaskResult) -> None:
    boxes = made_world()[1]["test"].boxes
    assert grounded.per_example["images"].tolist() == [box.image for box in boxes]
    for name, score in grounded.metrics.items():
        scores = grounded.per_example[name]
        assert score.clusters == "images" + name.removeprefix(name.split("@")[0])
        assert score.n == len(scores) == len(grounded.per_example[score.clusters])
        assert scores.mean(dtype=np.float64) == pytest.approx(score.value)
        assert metric_of(name).higher_is_better is True
    assert {name.split("@")[0] for name in grounded.metrics} == set(metric_names("grounding"))


def test_one_seed_gives_one_result_and_leaves_the_global_one_alone() -> None:
    codes, dataset = made_world()
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first, again, other = (Grounding().run(Work(codes, dataset, SHORT, seed, CPU)) for seed in (1, 1, 2))
    assert torch.equal(torch.rand(1), expected)
    assert np.array_equal(first.per_example["box_iou"], again.per_example["box_iou"])
    assert not np.array_equal(first.per_example["box_iou"], other.per_example["box_iou"])


def test_padding_changes_nothing() -> None:
    codes, _ = made_world()
    torch.manual_seed(0)
    model = Grounder(10, BUDGET, codes["train"]).eval()
    vectors = codes["test"].vectors(np.arange(2), CPU)
    short, owner = torch.tensor([[3, 4, 2], [5, 2, 0]]), torch.arange(2)
    padded = functional.pad(short, (0, 4))
    with torch.inference_mode():
        assert torch.allclose(model(short, owner, vectors), model(padded, owner, vectors), atol=1e-6)
        alone = model(short[1:, :2], owner[:1], vectors[1:])
        assert torch.allclose(alone, model(padded, owner, vectors)[1:], atol=1e-6)


def test_words_and_codes_both_reach_the_box() -> None:
    codes, _ = made_world()
    torch.manual_seed(0)
    model = Grounder(10, BUDGET, codes["train"]).eval()
    vectors = codes["test"].vectors(np.arange(2), CPU)
    ids, owner = torch.tensor([[3, 4, 2], [5, 6, 2]]), torch.arange(2)
    with torch.inference_mode():
        found = model(ids, owner, vectors)
        assert not torch.allclose(found, model(ids.flip(0), owner, vectors))
        assert not torch.allclose(found, model(ids, owner, vectors.flip(0)))
    boxes, pointed = found.split([4, 2 * 2], dim=1)  # a grid of 2x2 codes
    assert bool(((boxes > 0) & (boxes < 1)).all())
    assert not torch.allclose(pointed[0], pointed[1])


def test_the_token_points_at_the_position_of_the_box() -> None:
    codes, dataset = made_world()
    work = Work(codes, dataset, BUDGET, 0, CPU)
    vocabulary = Vocabulary(box.text for box in dataset["train"].boxes)
    model = _fitted(work, vocabulary, np.random.default_rng(0))
    boxes = dataset["test"].boxes
    ids = torch.from_numpy(vocabulary.encode([box.text for box in boxes], 4))
    vectors = codes["test"].vectors(np.array([box.image for box in boxes]), CPU)
    with torch.inference_mode():
        pointed = model(ids, torch.arange(len(ids)), vectors)[:, 4:].argmax(1)
    there = [2 * (box.box[1] > 0.5) + (box.box[0] > 0.5) for box in boxes]
    assert (pointed == torch.tensor(there)).float().mean() > 0.9


def test_samples_show_expressions_and_both_boxes(grounded: TaskResult) -> None:
    text = grounded.samples["grounding.md"]
    assert isinstance(text, str)
    assert len(text.splitlines()) == 2 + 8
    split = made_world()[1]["test"]
    assert split.boxes[0].text in text
    # far from the true ones: a perfect prediction covers its true box
    predicted = np.tile([0.5, 0.5, 0.9, 0.9], (len(split.boxes), 1))
    png = _samples(split, predicted, np.zeros(len(split.boxes)))["grounding.png"]
    assert isinstance(png, bytes)
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).reshape(-1, 3)
    for color in (GREEN, RED):
        assert (pixels == color).all(1).sum() > 100
