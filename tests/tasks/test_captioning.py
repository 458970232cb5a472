"""The captioning task: what it learns, what it leaves behind, and its blind baseline."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.squares import CPU, decode, world

from bench.contracts.codes import Codes
from bench.contracts.data import Split
from bench.contracts.result import TaskResult
from bench.contracts.task import Work
from bench.data.emoji_scenes import EmojiScenes
from bench.errors import DataError
from bench.presets import PRESETS, Budget
from bench.registry import metric_names, metric_of
from bench.tasks.captioning import Captioning
from bench.tasks.parts.language.named_corners import CORNERS

BUDGET = Budget(steps=100, batch_size=32, learning_rate=4e-4, width=32, layers=1)
SHORT = Budget(steps=4, batch_size=16, learning_rate=1e-3, width=32, layers=1)
SIZES = {"train": 256, "validation": 10, "test": 60, "test-novel-pairs": 20}
DECLARED = metric_names("captioning")


@pytest.fixture
def no_java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))


def squares() -> tuple[dict[str, Codes], dict[str, Split]]:
    """Captions name the colour of the image's code."""
    both = {name: world(count, number) for number, (name, count) in enumerate(SIZES.items())}
    vectors = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))
    codes = {name: replace(found, codebook=vectors) for name, (found, _) in both.items()}
    return codes, {name: replace(split, name=name) for name, (_, split) in both.items()}


def said(result: TaskResult) -> list[str]:
    text = result.samples["captions.md"]
    assert isinstance(text, str)
    return [line.split(" | ")[1] for line in text.splitlines()[2:]]


def assert_whole(result: TaskResult, count: int) -> None:
    """Every declared metric is there or skipped with a reason, each with its score of every image."""
    main = {name for name in (*result.metrics, *result.skipped) if "@" not in name}
    assert main == set(DECLARED)
    assert all(result.skipped.values())
    for name, score in result.metrics.items():
        assert metric_of(name)
        assert score.n == len(result.per_example[name])
        assert np.isfinite(score.value)
        assert (score.over == "set") == name.startswith(("bleu", "meteor"))
        if score.over == "examples":
            assert result.per_example[name].mean() == pytest.approx(score.value)
    further = {name for name in result.metrics if "@" in name}
    assert {"cider_d@novel-pairs", "bleu_4@novel-pairs"} <= further
    assert further <= {"cider_d@novel-pairs", "bleu_4@novel-pairs", "objects_named@novel-pairs"}
    assert result.metrics["cider_d"].n == count


@pytest.mark.parametrize("decoding", ["beam", "nucleus"])
def test_it_says_what_the_codes_show(decoding: str, no_java: None) -> None:
    codes, dataset = squares()
    result = Captioning(decoding).run(Work(codes, dataset, BUDGET, 0, CPU))
    blind = Captioning(decoding).run(Work(None, dataset, BUDGET, 0, CPU))
    wrong = codes | {"test": replace(codes["test"], array=np.roll(codes["test"].array, 7, 0))}
    other = Captioning(decoding).run(Work(wrong, dataset, BUDGET, 0, CPU))
    assert result.metrics["bleu_1"].value > 0.98
    assert result.metrics["novelty"].value < 0.1
    assert result.metrics["cider_d@novel-pairs"].value > 2 * blind.metrics["cider_d@novel-pairs"].value
    for trivial in (blind, other):
        assert result.metrics["cider_d"].value > 2 * trivial.metrics["cider_d"].value
    assert result.cost["caption_ms_per_image"] > 0
    assert not blind.cost
    assert_whole(result, SIZES["test"])
    assert_whole(blind, SIZES["test"])


def test_the_blind_baseline_says_the_most_frequent_caption(no_java: None) -> None:
    _, dataset = squares()
    train = dataset["train"]
    texts = [["a red picture", "z"] if row < 100 else ["b, b", "z z"] for row in range(len(train))]
    dataset["train"] = replace(train, captions=texts)
    assert set(said(Captioning().run(Work(None, dataset, SHORT, 0, CPU)))) == {"b, b"}
    dataset["train"] = replace(train, captions=[["b, b", "a red picture", "z"] for _ in texts])
    result = Captioning().run(Work(None, dataset, SHORT, 0, CPU))
    assert set(said(result)) == {"a red picture"}
    red = [text[0] == "a red picture" for text in dataset["test"].captions]
    assert result.per_example["bleu_1"] == pytest.approx(np.where(red, 1, 2 / 3), abs=1e-6)
    assert result.metrics["novelty"].value == 0
    assert result.metrics["distinct_captions"].value == pytest.approx(1 / SIZES["test"])
    assert result.metrics["caption_length"].value == 3


@pytest.mark.parametrize("decoding", ["beam", "nucleus"])
def test_one_seed_gives_one_result_and_leaves_the_global_one_alone(decoding: str, no_java: None) -> None:
    codes, dataset = squares()
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first = Captioning(decoding).run(Work(codes, dataset, SHORT, 1, CPU))
    assert torch.equal(torch.rand(1), expected)
    again = Captioning(decoding).run(Work(codes, dataset, SHORT, 1, CPU))
    other = Captioning(decoding).run(Work(codes, dataset, SHORT, 2, CPU))
    assert first.metrics == again.metrics
    assert first.samples == again.samples
    assert first.samples["captions.md"] != other.samples["captions.md"]


def corners(count: int, seed: int) -> tuple[Codes, Split]:
    """A red and a blue square in two of four corners, and captions that say where."""
    rng = np.random.default_rng(seed)
    array = np.zeros((count, 4), np.int32)
    captions = []
    for row in array:
        red, blue = (int(number) for number in rng.permutation(4)[:2])
        row[[red, blue]] = 1, 2
        captions.append([f"red {CORNERS[red]}, blue {CORNERS[blue]}", f"blue {CORNERS[blue]} and red {CORNERS[red]}"])
    codes = Codes(array.reshape(-1, 2, 2), torch.randn(3, 6, generator=torch.Generator().manual_seed(0)), True, decode)
    return codes, Split("train", np.zeros((count, 16, 16, 3), np.uint8), captions)


def test_the_network_tells_corners_apart_only_where_codes_do(no_java: None) -> None:
    both = {name: corners(count, number) for number, (name, count) in enumerate(SIZES.items())}
    codes = {name: found for name, (found, _) in both.items()}
    dataset = {name: replace(split, name=name) for name, (_, split) in both.items()}
    told = Captioning().run(Work(codes, dataset, replace(BUDGET, steps=200), 0, CPU))
    assert told.metrics["corner_choice"].value > 0.95
    assert told.metrics["corner_choice"].n == SIZES["test"]
    nothing = {name: replace(found, array=np.zeros_like(found.array)) for name, found in codes.items()}
    blank = Captioning().run(Work(nothing, dataset, BUDGET, 0, CPU))
    assert 0.3 < blank.metrics["corner_choice"].value < 0.7
    assert "tells none apart" in Captioning().run(Work(None, dataset, BUDGET, 0, CPU)).skipped["corner_choice"]


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Codes], dict[str, Split]]:
    """Real emoji scenes; the vectors are the mean colours of patches, as of a method that is not discrete."""
    made = EmojiScenes(limits={"train": 64, "validation": 4, "test": 24})
    cache = tmp_path_factory.mktemp("scenes")
    splits = {name: made.split(name, cache) for name in made.splits}
    codes = {}
    for name, split in splits.items():
        patches = np.asarray(split.images, np.float32).reshape(len(split), 8, 4, 8, 4, 3).mean((2, 4))
        codes[name] = Codes(patches, torch.empty(0, 3), False, lambda vectors: vectors)
    return codes, splits


def test_real_scenes_and_a_method_without_indices(
    scenes: tuple[dict[str, Codes], dict[str, Split]], no_java: None
) -> None:
    codes, dataset = scenes
    result = Captioning().run(Work(codes, dataset, PRESETS["smoke"].head, 0, CPU))
    assert_whole(result, 24)
    assert set(result.skipped) == {"meteor", "spice"}
    assert len(said(result)) == 8
    picture = result.samples["images.png"]
    assert isinstance(picture, bytes)
    assert picture.startswith(b"\x89PNG")


def test_scores_count_all_references(scenes: tuple[dict[str, Codes], dict[str, Split]], no_java: None) -> None:
    _, dataset = scenes
    assert all(len(own) == 5 for own in dataset["test"].captions)
    last = replace(dataset["train"], captions=[[own[-1]] for own in dataset["test"].captions[:1]] * 64)
    result = Captioning().run(Work(None, {**dataset, "train": last}, SHORT, 0, CPU))
    assert result.per_example["rouge_l"][0] == pytest.approx(1)


@pytest.mark.parametrize("broken", ["train", "test", "test-novel-pairs"])
def test_a_fault_in_the_data_is_named_before_anything_is_fitted(broken: str) -> None:
    codes, dataset = squares()
    endless = Budget(steps=10**9, batch_size=16, learning_rate=1e-3, width=32, layers=1)
    texts = list(dataset[broken].captions)
    dataset[broken] = replace(dataset[broken], captions=[*texts[:-1], []])
    with pytest.raises(DataError, match=f"{broken} split has images without a caption"):
        Captioning().run(Work(codes, dataset, endless, 0, CPU))
    dataset[broken] = replace(dataset[broken], captions=[*texts[:-1], "a red picture"])
    with pytest.raises(DataError, match="not a list of strings: 'a red picture'"):
        Captioning().run(Work(codes, dataset, endless, 0, CPU))


def test_the_protocol_says_how_captions_are_decoded_and_cut(no_java: None) -> None:
    beam, nucleus = Captioning().protocol(), Captioning("nucleus").protocol()
    assert {**beam, "decoding": nucleus["decoding"]} == nucleus
    assert beam["decoding"] != nucleus["decoding"]
    assert beam["tokenizer"] == "python"
