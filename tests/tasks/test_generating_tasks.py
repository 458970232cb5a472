"""Tasks that make images: what they measure of good, of random and of blind ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from helpers.squares import CPU, world

from bench.contracts.data import Split
from bench.contracts.result import TaskResult
from bench.contracts.task import Work
from bench.methods.identity import Identity
from bench.methods.vqgan import VqGan
from bench.metrics.image_sets import DEFAULT_EXTRACTORS
from bench.presets import Budget
from bench.registry import metric_names, metric_of
from bench.tasks.completion import Completion
from bench.tasks.parts.generator import scores as generated
from bench.tasks.t2i import TextToImage
from bench.tasks.unconditional import Unconditional
from bench.text.load import load_text_encoder

BUDGET = Budget(steps=120, batch_size=32, learning_rate=4e-3, width=32, layers=1)
SIZES = {"train": 256, "validation": 60, "test": 60, "test-novel-pairs": 20}
TASKS = {"t2i": TextToImage(), "unconditional": Unconditional(), "completion": Completion()}


def made_world():
    both = {name: world(count, number) for number, (name, count) in enumerate(SIZES.items())}
    return {name: codes for name, (codes, _) in both.items()}, {
        name: replace(split, name=name) for name, (_, split) in both.items()
    }


@pytest.fixture(scope="module")
def results() -> dict[str, tuple[TaskResult, TaskResult]]:
    codes, dataset = made_world()
    return {
        name: (task.run(Work(codes, dataset, BUDGET, 0, CPU)), task.run(Work(None, dataset, BUDGET, 0, CPU)))
        for name, task in TASKS.items()
    }


@pytest.mark.parametrize("name", TASKS)
def test_every_declared_metric_is_measured_or_skipped_with_a_reason(name: str, results) -> None:
    for result in results[name]:
        named = {*result.metrics, *result.skipped}
        for declared in metric_names(name):
            assert any(other.startswith(declared) for other in named), declared
        assert all(result.skipped.values())
        for metric, score in result.metrics.items():
            assert metric_of(metric)
            assert np.isfinite(score.value)
            assert (score.over == "set") == metric.startswith(("fd", "kd", "fid", "kid"))
            if score.over == "examples":
                assert len(result.per_example[metric]) == score.n
                assert result.per_example[metric].mean() == pytest.approx(score.value)
        assert any(name.startswith("statistics/") for name in result.statistics)
        assert result.samples


@pytest.mark.parametrize("name", TASKS)
def test_the_cost_says_how_long_an_image_takes_and_the_fit(name: str, results) -> None:
    real, blind = results[name]
    assert real.cost["generate_ms_per_image"] > 0
    assert real.cost["generator_fit_s"] > 0
    assert not blind.cost


@pytest.mark.parametrize("name", TASKS)
def test_a_generator_that_has_learnt_the_data_is_near_the_floor(name: str, results) -> None:
    metrics = results[name][0].metrics
    assert metrics["kd_scene-cnn"].value < 0.1 * abs(_distance_of_noise())
    assert metrics["precision_scene-cnn"].value > 0.9


def test_captions_are_followed_and_blind_images_do_not_follow_them(results) -> None:
    real, blind = (result.metrics for result in results["t2i"])
    own = "clip_score_tiny-clip@own-encoder"
    assert real[own].value > blind[own].value + 0.1
    assert real["clip_score_judge@novel-pairs"].n == SIZES["test-novel-pairs"]
    assert real["clip_score_judge@real"] == blind["clip_score_judge@real"]
    assert not [name for name in real if "tiny-clip" in name and not name.endswith("@own-encoder")]


def test_a_judge_that_also_teaches_is_marked() -> None:
    codes, dataset = made_world()
    work = Work(codes, dataset, replace(BUDGET, steps=2), 0, CPU)
    metrics = TextToImage(judge="tiny-clip", extractors=()).run(work).metrics
    assert {name for name in metrics if name.startswith("clip_score")} == {"clip_score_tiny-clip@own-encoder"}


def test_values_do_not_depend_on_whether_the_text_encoder_was_loaded_before() -> None:
    codes, dataset = made_world()
    work = Work(codes, dataset, replace(BUDGET, steps=2), 0, CPU)
    load_text_encoder.cache_clear()
    first, again = (TextToImage(extractors=()).run(work) for _ in range(2))
    assert first.metrics == again.metrics
    assert first.samples == again.samples


def test_completions_keep_the_given_half(results) -> None:
    _, dataset = made_world()
    blind = Completion().run(Work(None, dataset, BUDGET, 0, CPU))
    assert blind.metrics["kd_scene-cnn"].value > results["completion"][0].metrics["kd_scene-cnn"].value


def test_a_fault_in_the_data_is_named() -> None:
    codes, dataset = made_world()
    dataset["test"] = replace(dataset["test"], captions=[["one"], [], *dataset["test"].captions[2:]])
    with pytest.raises(Exception, match="test split has images without a caption"):
        TextToImage().run(Work(codes, dataset, BUDGET, 0, CPU))


@pytest.mark.parametrize("name", TASKS)
def test_a_method_without_indices_is_skipped_and_others_are_not(name: str) -> None:
    assert "no indices" in TASKS[name].skip(None, Identity())
    assert TASKS[name].skip(None, VqGan()) is None
    assert TASKS[name].skip(None, None) is None


def test_random_training_images_are_different_ones_where_there_are_enough() -> None:
    split = Split("train", np.arange(20, dtype=np.uint8)[:, None, None, None].repeat(3, 3))
    some = generated.training_images(split, 15, 0)
    assert len(np.unique(some[..., 0])) == 15
    assert not np.array_equal(some, generated.training_images(split, 15, 1))
    assert len(generated.training_images(split, 50, 0)) == 50


def _distance_of_noise() -> float:
    dataset = made_world()[1]
    noise = np.random.default_rng(0).integers(0, 256, dataset["test"].images.shape, dtype=np.uint8)
    result = TaskResult()
    generated.score(result, noise, Work(None, dataset, BUDGET, 0, CPU), ("scene-cnn",))
    return result.metrics["kd_scene-cnn"].value


def test_real_images_are_as_good_as_can_be_and_a_network_for_photographs_is_left_out() -> None:
    dataset = made_world()[1]
    result = TaskResult()
    generated.score(result, np.asarray(dataset["test"].images), Work(None, dataset, BUDGET, 0, CPU), DEFAULT_EXTRACTORS)
    assert result.metrics["precision_scene-cnn"].value == 1
    assert result.metrics["recall_scene-cnn"].value == 1
    assert result.metrics["precision_scene-cnn@real"].n == SIZES["validation"]
    assert result.metrics["fd_scene-cnn"].value == pytest.approx(0, abs=1e-6)
    for metric in ("fd", "kd", "precision", "recall"):
        assert "for 64 px and more" in result.skipped[f"{metric}_efficientnet-lite0"]
