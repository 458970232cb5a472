from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers.squares import CPU, PIXELS, decode

from bench.contracts.codes import Codes
from bench.contracts.data import Question, Split
from bench.contracts.result import TaskResult
from bench.contracts.task import Work
from bench.presets import PRESETS
from bench.registry import metric_of
from bench.tasks.linear_probe import LinearProbe, fit_logistic_regression
from bench.tasks.parts.language.whole_image import image_labels, whole_image_texts

BUDGET = PRESETS["smoke"].head
SIZES = {"train": 300, "validation": 60, "test": 90, "test-novel-pairs": 30}
COLORS = ("red", "green", "blue", "white")
NUMBERS = ("zero", "one", "two", "three", "four")


def made_world() -> tuple[dict[str, Codes], dict[str, Split]]:
    """Images of 2x2 squares, asked for the first square's colour and how many are red; other questions name a place."""
    table = torch.randn(4, 6, generator=torch.Generator().manual_seed(0)) * 100 + 7
    codes, dataset = {}, {}
    for number, (name, count) in enumerate(SIZES.items()):
        draw = np.random.default_rng(number)
        array = draw.integers(0, 4, (count, 2, 2)).astype(np.int32)
        questions = []
        for image in draw.permutation(count).tolist():
            red = NUMBERS[(array[image] == 0).sum()]
            questions.append(Question(image, ("how many?", "how much red?")[image % 2], red, "number"))
            questions.append(Question(image, "which is first?", COLORS[array[image, 0, 0]], "first"))
            place = int(draw.integers(0, 4))
            questions.append(Question(image, f"what is at {place}?", COLORS[array[image].flat[place]], "place"))
            questions += [Question(image, "is it so?", answer, "yes/no") for answer in ("yes", "no")]
        codes[name] = Codes(array, table, True, decode)
        dataset[name] = Split(name, PIXELS[array].repeat(8, axis=1).repeat(8, axis=2), questions=questions)
    return codes, dataset


@pytest.fixture(scope="module")
def probed() -> TaskResult:
    codes, dataset = made_world()
    dataset = {name: replace(split, questions=without_places(split)) for name, split in dataset.items()}
    return LinearProbe().run(Work(codes, dataset, BUDGET, 0, CPU))


def without_places(split: Split) -> list[Question]:
    return [question for question in split.questions if question.kind != "place"]


def ask(*rows: tuple[int, str, str, str]) -> list[Question]:
    return [Question(*row) for row in rows]


def test_what_the_mean_tells_is_found_and_places_are_not(probed: TaskResult) -> None:
    """How many squares are red is a linear function of the mean; which is first is not one of the mean at all."""
    assert probed.metrics["accuracy/number"].value > 0.95
    assert 0.3 < probed.metrics["accuracy/first"].value < 0.75


def test_shuffled_codes_are_worth_nothing(probed: TaskResult) -> None:
    codes, dataset = made_world()
    codes["test"] = replace(codes["test"], array=np.random.default_rng(9).permutation(codes["test"].array))
    found = LinearProbe().run(Work(codes, dataset, BUDGET, 0, CPU))
    assert found.metrics["accuracy/number"].value < 0.6


def test_the_most_frequent_class_is_blind() -> None:
    _, dataset = made_world()
    blind = LinearProbe().run(Work(None, dataset, BUDGET, 0, CPU))
    answers = {
        name: [question.answer for question in split.questions if question.kind == "number"]
        for name, split in dataset.items()
    }
    common = max(sorted(set(answers["train"])), key=answers["train"].count)
    assert blind.metrics["accuracy/number"].value == pytest.approx(np.mean([a == common for a in answers["test"]]))
    assert blind.metrics["accuracy"].value < 0.5


def test_scores_carry_kinds_and_images(probed: TaskResult) -> None:
    scores = probed.per_example
    assert set(probed.metrics) == {
        "accuracy", "accuracy/first", "accuracy/number", "accuracy@validation", "accuracy@novel-pairs",
    }  # fmt: skip
    assert np.array_equal(scores["accuracy"], np.concatenate([scores["accuracy/first"], scores["accuracy/number"]]))
    assert scores["images/number"].tolist() == list(range(SIZES["test"]))
    for name, score in probed.metrics.items():
        assert score.clusters == "images" + name.removeprefix("accuracy")
        assert score.n == len(scores[name]) == len(scores[score.clusters])
        assert scores[name].mean(dtype=np.float64) == pytest.approx(score.value)
        assert metric_of(name).higher_is_better is True


def test_it_is_deterministic_and_draws_nothing(probed: TaskResult) -> None:
    codes, dataset = made_world()
    dataset = {name: replace(split, questions=without_places(split)) for name, split in dataset.items()}
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    assert LinearProbe().run(Work(codes, dataset, BUDGET, 1, CPU)).metrics == probed.metrics
    assert torch.equal(torch.rand(1), expected)


def test_test_labels_do_not_touch_the_fit(probed: TaskResult) -> None:
    codes, dataset = made_world()
    dataset = {name: replace(split, questions=without_places(split)) for name, split in dataset.items()}
    wrong = [replace(question, answer="mauve") for question in dataset["test"].questions]
    found = LinearProbe().run(
        Work(codes, dataset | {"test": replace(dataset["test"], questions=wrong)}, BUDGET, 0, CPU)
    )
    assert found.metrics["accuracy"].value == 0  # an answer that training lacks is wrong
    assert found.metrics["accuracy@novel-pairs"] == probed.metrics["accuracy@novel-pairs"]


def test_constant_dimensions_and_scales_do_not_matter() -> None:
    codes, dataset = made_world()
    widened = {
        name: replace(own, codebook=torch.cat([own.codebook * 1e-4, torch.full((4, 1), 3.0)], 1))
        for name, own in codes.items()
    }
    one, other = (LinearProbe().run(Work(found, dataset, BUDGET, 0, CPU)) for found in (codes, widened))
    assert other.metrics["accuracy"].value == pytest.approx(one.metrics["accuracy"].value, abs=0.03)


def test_questions_about_the_whole_image() -> None:
    questions = ask(
        *[(image, "how many?", NUMBERS[image % 3], "number") for image in range(10)],
        *[(image, f"where is {image}?", COLORS[image % 4], "place") for image in range(10)],
        *[(image, "what is it?", COLORS[image % 2], "object") for image in range(4)],
        *[(image + 4, f"what is the {image}th?", COLORS[image % 2], "object") for image in range(6)],
        *[(image % 5, "is it?", ("yes", "no")[image // 5], "yes/no") for image in range(10)],
        *[(image, "what is this?", "a picture", "trivial") for image in range(10)],
    )
    assert whole_image_texts(questions) == {"number": {"how many?"}, "object": {"what is it?"}}


def test_an_image_that_answers_twice_is_one_example() -> None:
    questions = ask((4, "what?", "a", "k"), (1, "what?", "b", "k"), (4, "what is it?", "a", "k"), (2, "x?", "b", "k"))
    labels = image_labels(questions, {"k": {"what?", "what is it?"}})["k"]
    assert labels.images.tolist() == [1, 4]
    assert labels.answers.tolist() == ["b", "a"]


@pytest.mark.parametrize("blind", [False, True])
def test_a_kind_of_question_that_a_split_lacks_is_left_out(blind: bool) -> None:
    codes, dataset = made_world()
    kinds = sorted({question.kind for question in dataset["train"].questions})
    whole = LinearProbe().run(Work(None if blind else codes, dataset, BUDGET, 0, CPU))
    measured = [kind for kind in kinds if f"accuracy/{kind}" in whole.metrics]
    fewer = [question for question in dataset["validation"].questions if question.kind != measured[0]]
    lacking = dataset | {"validation": replace(dataset["validation"], questions=fewer)}
    found = LinearProbe().run(Work(None if blind else codes, lacking, BUDGET, 0, CPU))
    assert "the validation split" in found.skipped[f"accuracy/{measured[0]}"]
    for kind in measured[1:]:
        assert found.metrics[f"accuracy/{kind}"] == whole.metrics[f"accuracy/{kind}"]
    nothing = LinearProbe().run(Work(codes, dataset | {"test": replace(dataset["test"], questions=[])}, BUDGET, 0, CPU))
    assert not nothing.metrics
    assert "in every split" in nothing.skipped["accuracy"]


def test_without_such_questions_the_metric_is_skipped() -> None:
    codes, dataset = made_world()
    train = replace(dataset["train"], questions=ask((0, "where?", "here", "place")))
    found = LinearProbe().run(Work(codes, dataset | {"train": train}, BUDGET, 0, CPU))
    assert not found.metrics
    assert "whole image" in found.skipped["accuracy"]


def test_the_fit_is_where_the_gradient_vanishes() -> None:
    """Of the stated objective, by formulas: p - y for the offsets, x (p - y) + strength w for the weights."""
    draw = np.random.default_rng(0)
    vectors = draw.normal(size=(200, 5))
    classes = (vectors[:, :3] + draw.normal(size=(200, 3))).argmax(1)
    found = fit_logistic_regression(torch.from_numpy(vectors), torch.from_numpy(classes), 3, 0.1).numpy()
    logits = vectors @ found[:-1] + found[-1]
    error = np.exp(logits) / np.exp(logits).sum(1, keepdims=True) - np.eye(3)[classes]
    assert np.abs(error.mean(0)).max() < 1e-5
    assert np.abs(vectors.T @ error / 200 + 0.1 * found[:-1]).max() < 1e-5


def test_a_stronger_penalty_gives_smaller_weights() -> None:
    vectors = torch.randn(100, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    classes = (vectors[:, 0] > 0).long()
    norms = [float(fit_logistic_regression(vectors, classes, 2, s)[:-1].norm()) for s in (1.0, 1e-1, 1e-2)]
    assert norms == sorted(norms)


def test_samples_count_each_class(probed: TaskResult) -> None:
    table = probed.samples["classes.md"]
    assert isinstance(table, str)
    assert [line.split("|")[1].strip() for line in table.splitlines()[2:]].count("first") == len(COLORS)
