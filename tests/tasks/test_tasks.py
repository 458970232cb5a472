from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.small_wordnet import write_wordnet
from torch import Tensor

from bench.contracts.codes import Codes
from bench.contracts.data import Question, Split
from bench.contracts.result import Score, TaskResult
from bench.contracts.task import Work
from bench.features.extractor import load_extractor
from bench.features.lpips_weights import LpipsBackbone
from bench.images import to_float
from bench.metrics import distance, wups
from bench.presets import Budget
from bench.registry import metric_names, metric_of
from bench.tasks.parts.language.questions import OUTSIDE, QuestionIndex
from bench.tasks.parts.language.vocabulary import END, PADDING, UNKNOWN, Vocabulary
from bench.tasks.parts.networks.head import CodeReader
from bench.tasks.reconstruction import Reconstruction
from bench.tasks.vqa import VisualQuestionAnswering
from bench.text import tiny_clip
from bench.text.load import load_text_encoder

CPU = torch.device("cpu")
COLORS = ("red", "green", "blue", "white")
PIXELS = np.array([(220, 30, 30), (30, 200, 30), (30, 30, 220), (240, 240, 240)], np.uint8)
BUDGET = Budget(steps=150, batch_size=32, learning_rate=3e-3, width=32, layers=1)
SPLITS = {"train": 512, "validation": 64, "test": 131, "test-novel-pairs": 50}


def make_codes(array: np.ndarray, codebook: Tensor) -> Codes:
    """A code is a colour that fills 8x8 pixels; decoding is exact."""

    def decode(indices: Tensor) -> Tensor:
        pixels = PIXELS[indices.numpy()].repeat(8, axis=1).repeat(8, axis=2)
        return to_float(pixels, CPU)

    return Codes(array, codebook, True, decode)


def world() -> tuple[dict[str, Codes], dict[str, Split]]:
    """Images of 2x2 coloured squares; the answer is the colour of the square that the question names."""
    codebook = torch.randn(len(COLORS), 6, generator=torch.Generator().manual_seed(0)) * 0.01 + 3
    codes, dataset = {}, {}
    for number, (name, count) in enumerate(SPLITS.items()):
        generator = np.random.default_rng(number)
        array = generator.integers(0, 4, (count, 2, 2)).astype(np.int32)
        questions = []
        for image in generator.permutation(count).tolist():
            for _ in range(int(generator.integers(0, 4)) if image else 3):
                row, column = generator.integers(0, 2, 2).tolist()
                text = f"what is {('top', 'bottom')[row]} {('left', 'right')[column]}?"
                questions.append(Question(image, text, COLORS[array[image, row, column]], ("top", "bottom")[row]))
        images = PIXELS[array].repeat(8, axis=1).repeat(8, axis=2)
        codes[name] = make_codes(array, codebook)
        dataset[name] = Split(name, images, questions=questions)
    return codes, dataset


@pytest.fixture(scope="module")
def answered() -> TaskResult:
    return VisualQuestionAnswering().run(Work(*world(), BUDGET, 0, CPU))


def run_vqa(codes: Mapping[str, Codes] | None, budget: Budget = BUDGET, seed: int = 0) -> TaskResult:
    return VisualQuestionAnswering().run(Work(codes, world()[1], budget, seed, CPU))


# visual question answering


def test_the_head_learns_a_rule_from_codes(answered: TaskResult) -> None:
    assert answered.metrics["accuracy"].value > 0.95
    assert answered.metrics["accuracy@novel-pairs"].value > 0.95


def test_the_same_head_without_codes_cannot() -> None:
    assert run_vqa(None).metrics["accuracy"].value < 0.45


def test_codes_of_other_images_are_worth_nothing(answered: TaskResult) -> None:
    codes, _ = world()
    wrong = np.random.default_rng(9).permutation(codes["test"].array)
    codes["test"] = make_codes(wrong, codes["test"].codebook)
    assert run_vqa(codes).metrics["accuracy"].value < 0.45


def test_scores_carry_kinds_and_images(answered: TaskResult) -> None:
    questions = world()[1]["test"].questions
    scores = answered.per_example
    assert answered.metrics["accuracy"].n == len(questions) == len(scores["accuracy"])
    assert scores["images"].tolist() == [question.image for question in questions]
    top = [number for number, question in enumerate(questions) if question.kind == "top"]
    assert np.array_equal(scores["accuracy/top"], scores["accuracy"][top])
    assert np.array_equal(scores["images/top"], scores["images"][top])
    for name, score in answered.metrics.items():
        assert scores[name].mean(dtype=np.float64) == pytest.approx(score.value)
        assert metric_of(name).higher_is_better is True


def test_one_seed_gives_one_result_and_leaves_the_global_one_alone() -> None:
    budget = Budget(steps=8, batch_size=16, learning_rate=3e-3, width=32, layers=1)
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first = run_vqa(world()[0], budget, seed=1)
    assert torch.equal(torch.rand(1), expected)
    again = run_vqa(world()[0], budget, seed=1)
    other = run_vqa(world()[0], budget, seed=2)
    assert first.metrics == again.metrics
    assert np.array_equal(first.per_example["accuracy"], again.per_example["accuracy"])
    assert not np.array_equal(first.per_example["accuracy"], other.per_example["accuracy"])


def test_samples_show_question_answer_and_prediction(answered: TaskResult) -> None:
    text, png = answered.samples["questions.md"], answered.samples["images.png"]
    assert isinstance(text, str)
    assert isinstance(png, bytes)
    assert len(text.splitlines()) == 2 + 8
    assert world()[1]["test"].questions[0].text in text
    assert png.startswith(b"\x89PNG")


def test_an_answer_that_training_lacks_is_wrong() -> None:
    codes, dataset = world()
    test = dataset["test"]
    changed = [Question(question.image, question.text, "mauve", question.kind) for question in test.questions]
    dataset["test"] = Split("test", test.images, questions=changed)
    budget = Budget(steps=2, batch_size=16, learning_rate=1e-3, width=32, layers=1)
    found = VisualQuestionAnswering().run(Work(codes, dataset, budget, 0, CPU))
    assert found.metrics["accuracy"].value == 0


def with_annotators(dataset: dict[str, Split], others: Sequence[str]) -> dict[str, Split]:
    """The same questions, each answered by the one who is right and by these."""
    return {
        name: replace(split, questions=[replace(asked, answers=(asked.answer, *others)) for asked in split.questions])
        for name, split in dataset.items()
    }


def test_annotators_answers_add_their_accuracy() -> None:
    codes, dataset = world()
    few = with_annotators(dataset, ["mauve"] * 9)
    budget = Budget(steps=40, batch_size=16, learning_rate=3e-3, width=32, layers=1)
    found = VisualQuestionAnswering().run(Work(codes, few, budget, 0, CPU))
    for suffix in ("", "@validation", "@novel-pairs"):
        correct = found.per_example[f"accuracy{suffix}"]
        assert 0 < correct.mean() < 1
        assert found.per_example[f"vqa_accuracy{suffix}"] == pytest.approx(0.3 * correct)
        assert found.metrics[f"vqa_accuracy{suffix}"].n == len(correct)
    without = VisualQuestionAnswering().run(Work(codes, dataset, budget, 0, CPU))
    assert not [name for name in without.metrics if name.startswith("vqa_accuracy")]
    assert without.metrics["accuracy"] == found.metrics["accuracy"]


def test_near_answers_count_as_wordnet_has_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = {"color": None, **dict.fromkeys(COLORS, "color")}
    monkeypatch.setenv("WNSEARCHDIR", str(write_wordnet(tmp_path / "dict", tree)))
    wups.find_wordnet.cache_clear()
    try:
        found = run_vqa(None, Budget(steps=2, batch_size=16, learning_rate=1e-3, width=32, layers=1))
    finally:
        wups.find_wordnet.cache_clear()
    correct = found.per_example["accuracy"]
    assert 0 < correct.mean() < 1
    assert found.per_example["wups_0.0"] == pytest.approx(np.where(correct, 1, 2 * 1 / (2 + 2)))
    assert found.per_example["wups_0.9"] == pytest.approx(np.where(correct, 1, 0.05))
    assert not found.skipped


def test_without_wordnet_wups_is_skipped_and_the_rest_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    before = VisualQuestionAnswering().protocol()
    monkeypatch.setattr(wups, "_places", lambda: iter(()))
    wups.find_wordnet.cache_clear()
    try:
        found = run_vqa(None, Budget(steps=2, batch_size=16, learning_rate=1e-3, width=32, layers=1))
        after = VisualQuestionAnswering().protocol()
    finally:
        wups.find_wordnet.cache_clear()
    assert set(found.skipped) == {"wups_0.9", "wups_0.0"}
    assert "apt-get install wordnet-base" in found.skipped["wups_0.9"]
    assert after["wordnet"] is None
    assert {**after, "wordnet": before["wordnet"]} == before
    assert "accuracy" in found.metrics
    assert not [name for name in found.metrics if name.startswith("wups")]


def test_questions_are_grouped_by_image() -> None:
    questions = [Question(image, "what?", answer, "k") for image, answer in ((4, "a"), (1, "b"), (4, "c"))]
    asked = QuestionIndex.of(questions, Vocabulary(["what?"]), ["a", "b"], 4)
    assert asked.images.tolist() == [1, 4]
    assert asked.order.tolist() == [1, 0, 2]
    assert asked.answers.tolist() == [1, 0, OUTSIDE]
    numbers, owner = asked.of_images(np.array([0, 1]))
    assert numbers.tolist() == [0, 1, 2]
    assert owner.tolist() == [0, 1, 1]
    drawn = {asked.of_images(np.array([1]), 1, np.random.default_rng(seed))[0].item() for seed in range(20)}
    assert drawn == {1, 2}


def test_a_vocabulary_marks_unknown_words_and_cuts() -> None:
    vocabulary = Vocabulary(["What is it?", "a T-shirt"])
    assert list(vocabulary.ids) == ["a", "is", "it", "t-shirt", "what"]
    assert len(vocabulary) == 8
    assert vocabulary.encode(["what is THAT", "a a a a a a", ""], 5).tolist() == [
        [7, 4, UNKNOWN, END, PADDING],
        [3, 3, 3, 3, END],
        [END, PADDING, PADDING, PADDING, PADDING],
    ]


def test_a_head_reads_vectors_of_any_scale_alike() -> None:
    codes, _ = world()
    scaled = {name: make_codes(found.array, found.codebook * 1000 - 7) for name, found in codes.items()}
    rows = np.arange(20)
    torch.manual_seed(0)
    one = CodeReader(codes["train"], 8)
    torch.manual_seed(0)
    other = CodeReader(scaled["train"], 8)
    read = one(codes["test"].vectors(rows, CPU))
    assert torch.allclose(read, other(scaled["test"].vectors(rows, CPU)), atol=1e-2)
    assert read.std() > 0.1


def test_a_dimension_that_never_varies_reads_as_zero() -> None:
    codebook = torch.tensor([[1.0, 5.0], [2.0, 5.0], [3.0, 5.0], [4.0, 5.0]])
    reader = CodeReader(make_codes(world()[0]["train"].array, codebook), 4)
    assert reader.scale[1] == 0
    assert reader.scale[0] > 0


# reconstruction


def damaged(codes: dict[str, Codes], share: float) -> dict[str, Codes]:
    """The same codes with a share of the test tokens replaced at random."""
    generator = np.random.default_rng(3)
    found = {}
    for name, part in codes.items():
        hit = generator.random(part.array.shape) < share
        found[name] = make_codes(np.where(hit, generator.integers(0, 4, hit.shape), part.array), part.codebook)
    return found


def reconstruct(
    codes: dict[str, Codes] | None, dataset: dict[str, Split] | None = None, task: Reconstruction | None = None
) -> TaskResult:
    """With one fast extractor and images too small for LPIPS, unless others are given."""
    task = task or Reconstruction(extractors=("tinyclip",))
    return task.run(Work(codes, dataset or world()[1], BUDGET, 0, CPU))


def test_perfect_codes_give_the_best_values_and_damage_shows_in_all() -> None:
    codes, _ = world()
    perfect, some, much = (reconstruct(found) for found in (codes, damaged(codes, 0.2), damaged(codes, 0.8)))
    assert perfect.metrics["psnr"] == Score(100, SPLITS["test"], "examples", error=0)
    assert perfect.metrics["psnr@novel-pairs"] == Score(100, SPLITS["test-novel-pairs"], "examples", error=0)
    assert perfect.metrics["ssim"].value == pytest.approx(1, abs=1e-4)
    assert perfect.metrics["l1"].value == 0
    assert perfect.metrics["fd_tinyclip"].value == pytest.approx(0, abs=1e-4)
    for name in ("psnr", "ssim", "l1"):
        values = [result.metrics[name].value for result in (perfect, some, much)]
        assert values == sorted(values, reverse=metric_of(name).higher_is_better)
    assert perfect.metrics["fd_tinyclip@floor"] == much.metrics["fd_tinyclip@floor"]
    assert perfect.metrics["fd_tinyclip"].value < perfect.metrics["fd_tinyclip@floor"].value


def test_scores_per_image_average_to_the_metric() -> None:
    result = reconstruct(damaged(world()[0], 0.3))
    for name in ("psnr", "ssim", "l1", "psnr@novel-pairs"):
        scores = result.per_example[name]
        assert scores.mean() == pytest.approx(result.metrics[name].value)
        assert result.metrics[name].error == pytest.approx(scores.std(ddof=1) / len(scores) ** 0.5)
    whole = {name for name, score in result.metrics.items() if score.over == "set" and score.error is not None}
    assert whole == {"fd_tinyclip", "kd_tinyclip"}
    assert len(result.per_example["psnr"]) == SPLITS["test"]


def test_codebook_metrics_count_the_test_split() -> None:
    result = reconstruct(world()[0])
    assert result.metrics["usage"] == Score(1, 4 * SPLITS["test"])
    assert result.metrics["perplexity"].value == pytest.approx(4, abs=0.05)
    assert result.metrics["bits_per_pixel"].value == 4 * 2 / 256


def test_vectors_without_a_codebook_have_no_codebook_metrics() -> None:
    codes, _ = world()
    table = codes["train"].codebook
    vectors = {
        name: Codes(
            table.numpy()[part.array],
            torch.empty(0, 6),
            False,
            lambda found, part=part: part.decode(torch.cdist(found.flatten(1, 2), table).argmin(-1).view(-1, 2, 2)),
        )
        for name, part in codes.items()
    }
    result = reconstruct(vectors)
    assert result.metrics["psnr"].value == 100
    assert not {"usage", "perplexity", "normalised_usage", "bits_per_pixel"} & set(result.metrics)


def test_the_mean_image_is_the_baseline() -> None:
    result = reconstruct(None)
    assert 5 < result.metrics["psnr"].value < 15
    assert result.metrics["fd_tinyclip"].value > 2 * result.metrics["fd_tinyclip@floor"].value
    assert "usage" not in result.metrics


def test_missing_weights_leave_the_distances_out_and_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = Reconstruction(extractors=("tinyclip", "inception"))
    before = task.protocol()
    monkeypatch.setattr(tiny_clip, "WEIGHTS", tmp_path)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    load_text_encoder.cache_clear()
    try:
        result = reconstruct(world()[0], task=task)
        after = task.protocol()
    finally:
        load_text_encoder.cache_clear()
    assert after["extractors"] == {"tinyclip": None, "inception": None} != before["extractors"]
    assert not [name for name in result.metrics if name.startswith(("fd", "kd", "fid", "kid"))]
    assert not result.statistics
    assert result.metrics["psnr"].value == 100
    assert set(result.skipped) == {"fd_tinyclip", "kd_tinyclip", "fid", "kid", "lpips_alex"}
    assert "train_tiny_clip" in result.skipped["kd_tinyclip"]
    assert "curl" in result.skipped["fid"]
    assert result.skipped["lpips_alex"] == "it needs images of at least 31 px, and these have 16"


def larger(dataset: dict[str, Split]) -> dict[str, Split]:
    return {name: replace(split, images=split.images.repeat(2, 1).repeat(2, 2)) for name, split in dataset.items()}


def larger_codes(codes: dict[str, Codes]) -> dict[str, Codes]:
    decode = lambda part: lambda found: part.decode(found).repeat_interleave(2, 2).repeat_interleave(2, 3)  # noqa: E731
    return {name: replace(part, decode=decode(part)) for name, part in codes.items()}


@pytest.mark.parametrize("backbone", ["alex", "vgg"])
def test_lpips_is_measured_per_image_on_every_test_split(backbone: LpipsBackbone) -> None:
    task = Reconstruction(extractors=(), lpips=backbone)
    if task.protocol()["lpips weights"] is None:
        pytest.skip("the weights of LPIPS are missing")
    codes, dataset = world()
    name = f"lpips_{backbone}"
    perfect, some = (reconstruct(larger_codes(found), larger(dataset), task) for found in (codes, damaged(codes, 0.3)))
    assert perfect.metrics[name] == Score(0, SPLITS["test"], "examples", error=0)
    assert 0.01 < some.metrics[name].value == pytest.approx(some.per_example[name].mean())
    assert some.metrics[f"{name}@novel-pairs"].n == SPLITS["test-novel-pairs"]
    assert list(some.metrics)[:4] == ["psnr", "ssim", name, "l1"]
    assert not some.skipped


def test_distances_can_be_computed_again_from_what_is_stored() -> None:
    codes, dataset = world()
    result = reconstruct(damaged(codes, 0.5))
    assert list(result.statistics) == ["statistics/fd_tinyclip"]
    stored = distance.unpack_statistics(result.statistics["statistics/fd_tinyclip"].astype(np.float32))
    real = load_extractor("tinyclip").features(dataset["test"].images)
    again = distance.frechet_distance(distance.statistics([real]), stored)
    assert again == pytest.approx(result.metrics["fd_tinyclip"].value, rel=1e-4)
    assert result.metrics["fd_tinyclip@floor"].n == (SPLITS["validation"] + SPLITS["test"]) // 2


def test_declared_metrics_are_those_returned() -> None:
    codes, dataset = world()
    budget = Budget(steps=2, batch_size=16, learning_rate=1e-3, width=32, layers=1)
    asked = VisualQuestionAnswering().run(Work(codes, with_annotators(dataset, ["mauve"]), budget, 0, CPU))
    for name, result in (("vqa", asked), ("reconstruction", reconstruct(codes, task=Reconstruction()))):
        families = {metric_of(metric).name for metric in (*result.metrics, *result.skipped)}
        assert families == set(metric_names(name))
