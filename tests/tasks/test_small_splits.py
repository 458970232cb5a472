"""What cannot be had of few or odd examples is skipped with the reason and the split's name, and the rest is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.check.samples import indices
from bench.contracts.data import Split
from bench.contracts.result import TaskResult
from bench.contracts.task import Work
from bench.data.emoji_scenes import EmojiScenes
from bench.errors import DataError, NotMeasurable
from bench.presets import Budget
from bench.registry import tasks
from bench.tasks.parts.networks import segmenter

BUDGET = Budget(steps=2, batch_size=8, learning_rate=1e-3, width=32, layers=1)
EXTRACTORS = ("tinyclip", "scene-cnn")


@pytest.fixture(scope="module", autouse=True)
def _short() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segmenter, "RECIPE", BUDGET)
        yield


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def scenes(cache: Path, train: int = 40, validation: int = 8, test: int = 8) -> dict[str, Split]:
    made = EmojiScenes(limits={"train": train, "validation": validation, "test": test})
    return {name: made.split(name, cache) for name in made.splits}


def captioned(dataset: Mapping[str, Split], caption: str) -> dict[str, Split]:
    return {name: replace(split, captions=[[caption]] * len(split)) for name, split in dataset.items()}


def without(dataset: Mapping[str, Split], *names: str) -> dict[str, Split]:
    return {name: replace(split, questions=[], boxes=[]) if name in names else split for name, split in dataset.items()}


def run(task: str, dataset: Mapping[str, Split], blind: bool) -> TaskResult:
    kind = tasks.get(task).load()
    made = kind(extractors=EXTRACTORS) if hasattr(kind, "extractors") else kind()
    codes = None if blind else {name: indices(split, number) for number, (name, split) in enumerate(dataset.items())}
    result: TaskResult = made.run(Work(codes, dataset, BUDGET, 0, torch.device("cpu")))
    assert all(np.isfinite(score.value) for score in result.metrics.values())
    assert not result.metrics.keys() & result.skipped.keys()
    return result


@pytest.mark.parametrize("blind", [False, True])
@pytest.mark.parametrize(
    ("task", "kept"),
    [("reconstruction", "psnr"), ("t2i", "clip_score_judge"), ("semantic-synthesis", "mask_agreement")],
)
def test_one_image_has_no_distances(cache: Path, task: str, kept: str, blind: bool) -> None:
    result = run(task, scenes(cache, validation=1, test=1), blind)
    assert kept in result.metrics
    for extractor in EXTRACTORS:
        for metric in (f"fd_{extractor}", f"kd_{extractor}"):
            assert "the test split: " in result.skipped[metric]
            assert "the validation and test splits: " in result.skipped[f"{metric}@floor"]


def test_the_floor_takes_all_images_of_two_splits(cache: Path) -> None:
    result = run("reconstruction", scenes(cache, validation=1), False)
    assert result.metrics["fd_tinyclip@floor"].n == (1 + result.metrics["fd_tinyclip"].n) // 2


def test_three_images_have_no_neighbours(cache: Path) -> None:
    result = run("unconditional", scenes(cache, test=3), False)
    assert "fd_tinyclip" in result.metrics
    reason = "the test split: 3 images do not have 3 neighbours each"
    assert {result.skipped[f"{metric}_scene-cnn"] for metric in ("precision", "recall")} == {reason}


@pytest.mark.parametrize("task", ["alignment", "grounding"])
def test_one_image_has_no_other_in_its_place(cache: Path, task: str) -> None:
    result = run(task, scenes(cache, test=1), False)
    metric = {"alignment": "word_recall", "grounding": "box_iou"}[task]
    assert {metric, f"{metric}@no-image"} <= result.metrics.keys()
    assert "one image" in result.skipped[f"{metric}@shuffled-image"]


def test_images_smaller_than_a_window_have_no_ssim(cache: Path) -> None:
    small = {name: replace(split, images=split.images[:, :8, :8]) for name, split in scenes(cache).items()}
    result = run("reconstruction", small, True)
    assert "psnr" in result.metrics
    assert "the test split: SSIM needs images of at least 11 px" in result.skipped["ssim"]
    assert "the test-novel-pairs split" in result.skipped["ssim@novel-pairs"]


@pytest.mark.parametrize("blind", [False, True])
def test_equal_captions_do_not_tell_images_apart(cache: Path, blind: bool) -> None:
    dataset = captioned(scenes(cache), "cat")
    result = run("t2i", dataset, blind)
    assert {"clip_score_judge", "fd_tinyclip"} <= result.metrics.keys()
    for variant in ("", "@novel-pairs", "@real"):
        assert "all captions are the same" in result.skipped[f"r_precision_judge{variant}"]
    result = run("alignment", dataset, blind)
    assert "word_recall" in result.metrics
    assert "two words in the test split" in result.skipped["similarity_mse"]


@pytest.mark.parametrize("blind", [False, True])
def test_captions_without_words_are_not_compared(cache: Path, blind: bool) -> None:
    result = run("captioning", captioned(scenes(cache), "\N{GRINNING FACE}"), blind)
    assert {"caption_length", "novelty", "distinct_captions"} == result.metrics.keys()
    assert result.skipped["cider_d"] == "the test split: no reference has a word"
    assert result.skipped["bleu_4@novel-pairs"] == "the test-novel-pairs split: no reference has a word"
    result = run("alignment", captioned(scenes(cache), ""), blind)
    assert not result.metrics
    assert {"word_recall", "word_recall/mask-3", "similarity_mse"} <= result.skipped.keys()
    assert "the test split" in result.skipped["word_recall"]


@pytest.mark.parametrize("blind", [False, True])
@pytest.mark.parametrize(("task", "metric"), [("vqa", "accuracy"), ("grounding", "box_accuracy")])
def test_splits_without_questions_are_named(cache: Path, task: str, metric: str, blind: bool) -> None:
    result = run(task, without(scenes(cache), "validation"), blind)
    assert {metric, f"{metric}@novel-pairs"} <= result.metrics.keys()
    assert "the validation split has no" in result.skipped[f"{metric}@validation"]
    result = run(task, without(scenes(cache), "test"), blind)
    assert f"{metric}@validation" in result.metrics
    assert "the test split has no" in result.skipped[metric]
    with pytest.raises(DataError, match="the train split has no"):
        run(task, without(scenes(cache), "train"), blind)


def test_no_value_is_a_mean_of_nothing() -> None:
    result = TaskResult()
    with pytest.raises(NotMeasurable, match="no example"):
        result.add("accuracy", np.array([]))
    with result.attempt("accuracy", "the test split", part="color", variant="floor"):
        result.add("accuracy", np.array([]), part="color", variant="floor")
    assert result.skipped == {"accuracy/color@floor": "the test split: there is no example"}
    with pytest.raises(ZeroDivisionError), result.attempt("accuracy", "the test split"):
        raise ZeroDivisionError
