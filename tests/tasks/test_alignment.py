from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.contracts.codes import Codes
from bench.contracts.data import Split
from bench.contracts.method import MaskAt, WordPredictor
from bench.contracts.result import TaskResult
from bench.contracts.task import Work
from bench.errors import DataError
from bench.experiment.encode import encode_split
from bench.metrics.words import word_recall
from bench.presets import PRESETS, Budget
from bench.registry import methods, metric_names, metric_of
from bench.tasks.alignment import Alignment
from bench.tasks.parts.image_controls import derangement, image_controls, no_codes
from bench.tasks.parts.language.masking import NEVER, masking_ranks, most_frequent, piece_names
from bench.tasks.parts.networks.word_probe import WordProbe
from bench.text.load import load_text_encoder
from bench.text.words import word_positions

CPU = torch.device("cpu")
SMOKE = PRESETS["smoke"]
TEXT = load_text_encoder("tiny-clip")
KINDS = 20
SPOKEN = sorted(TEXT.words)[:KINDS]
IDS = torch.tensor([TEXT.words[word] for word in SPOKEN])
SPLITS = {"train": 200, "test": 150}
IMAGES = ("no-image", "shuffled-image")
OWN, AFTER = "own-head", "own-head-after-encoding"
HARDLY = Budget(steps=2, batch_size=8, learning_rate=1e-3, width=32, layers=1)
WELL = Budget(steps=300, batch_size=32, learning_rate=3e-3, width=64, layers=1)


class Made(nn.Module):
    """A word predictor that tokenizes as the task's text encoder does."""

    def tokenize(self, captions: list[str]) -> Tensor:
        return TEXT.tokenize(captions)

    def word_logits(self, vectors: Tensor, ids: Tensor, predict: Tensor, mask_at: MaskAt) -> Tensor:
        raise NotImplementedError


class ReadsCodes(Made):
    """Word number i of a caption is the code at position i."""

    def word_logits(self, vectors: Tensor, ids: Tensor, predict: Tensor, mask_at: MaskAt) -> Tensor:
        logits = torch.zeros(*ids.shape, TEXT.vocabulary)
        logits[:, 1:5, IDS] = vectors
        return logits[predict]


class ReadsEndToken(Made):
    """Blind, but the features of the end token, which is never masked, hold all that was encoded."""

    def word_logits(self, vectors: Tensor, ids: Tensor, predict: Tensor, mask_at: MaskAt) -> Tensor:
        encoded = ids.masked_fill(predict, TEXT.mask_id) if mask_at == "words" else ids
        causal = torch.ones(ids.shape[1], ids.shape[1]).tril()
        features = causal[:, :, None] * F.one_hot(encoded, TEXT.vocabulary)[:, None]  # position, words that it has seen
        features = features.masked_fill(predict[:, :, None, None], 0)
        end = (ids != 0).sum(1) - 1
        return features[torch.arange(len(ids)), end][predict]


class Says(Made):
    """Always the same word."""

    def __init__(self, word: str) -> None:
        super().__init__()
        self.id = TEXT.words[word]

    def word_logits(self, vectors: Tensor, ids: Tensor, predict: Tensor, mask_at: MaskAt) -> Tensor:
        return F.one_hot(torch.full_like(ids[predict], self.id), TEXT.vocabulary).float()


class Notes(Says):
    """Keeps what it is given."""

    def __init__(self) -> None:
        super().__init__(SPOKEN[0])
        self.given: list[tuple[Tensor, Tensor, Tensor, str]] = []

    def word_logits(self, vectors: Tensor, ids: Tensor, predict: Tensor, mask_at: MaskAt) -> Tensor:
        self.given.append((vectors, ids, predict, mask_at))
        return super().word_logits(vectors, ids, predict, mask_at)


def world(words: WordPredictor | None, kinds: int = KINDS) -> tuple[dict[str, Codes], dict[str, Split]]:
    """Four random codes an image; one caption names all of them, another the first three."""
    codes, dataset = {}, {}
    for number, (name, count) in enumerate(SPLITS.items()):
        array = np.random.default_rng(number).integers(0, kinds, (count, 2, 2)).astype(np.int32)
        named = [[SPOKEN[code] for code in row.flatten()] for row in array]
        captions = [[" ".join(row), " ".join(row[:3])] for row in named]
        codes[name] = Codes(array, torch.eye(KINDS), True, lambda indices: indices, words)
        dataset[name] = Split(name, np.zeros((count, 8, 8, 3), np.uint8), captions)
    return codes, dataset


def run(words: WordPredictor | None, seed: int = 0) -> TaskResult:
    return Alignment().run(Work(*world(words), HARDLY, seed, CPU))


def values(result: TaskResult, count: int) -> dict[str, float]:
    """Variant to recall."""
    family = "word_recall" if count == 1 else f"word_recall/mask-{count}"
    return {
        name.partition("@")[2]: score.value
        for name, score in result.metrics.items()
        if name.partition("@")[0] == family
    }


# the probe


@pytest.fixture(scope="module")
def probed() -> TaskResult:
    return Alignment().run(Work(*world(None, kinds=6), WELL, 0, CPU))


@pytest.mark.parametrize("count", [1, 3])
def test_the_probe_learns_to_read_words_off_codes(probed: TaskResult, count: int) -> None:
    found = values(probed, count)
    assert set(found) == {"", *IMAGES, "most-frequent"}
    assert found[""] > 0.9
    assert max(found[image] for image in IMAGES) < 0.4


def test_without_codes_it_can_not_and_nothing_stands_for_the_image() -> None:
    result = Alignment().run(Work(None, world(None, kinds=6)[1], WELL, 0, CPU))
    for count in (1, 3):
        assert set(values(result, count)) == {"", "most-frequent"}
        assert values(result, count)[""] < 0.4
    assert {name for name in result.metrics if name.startswith("similarity")} == {"similarity_mse"}


@pytest.mark.parametrize("reads_codes", [True, False])
def test_a_masked_word_is_hidden_from_the_probe(reads_codes: bool) -> None:
    codes, _ = world(None)
    torch.manual_seed(0)
    probe = WordProbe(TEXT, codes["train"] if reads_codes else None, HARDLY).eval()
    vectors = codes["test"].vectors(np.arange(1), CPU) if reads_codes else no_codes(np.arange(1), CPU)
    one, other = TEXT.tokenize([" ".join(SPOKEN[:4]), " ".join([SPOKEN[0], SPOKEN[9], *SPOKEN[2:4]])])[:, None]
    first, second = (torch.arange(TEXT.length)[None] == place for place in (1, 2))  # the second word is exchanged
    with torch.inference_mode():
        assert not torch.equal(*(probe.word_logits(vectors, ids, first, "words") for ids in (one, other)))
        hidden, swapped = (probe.word_logits(vectors, ids, second, "words") for ids in (one, other))
    assert torch.equal(hidden, swapped)


def test_images_that_are_all_alike_make_no_difference_to_the_probe() -> None:
    codes, dataset = world(None)
    alike = {
        name: replace(own, array=np.broadcast_to(own.array[:1] * 0 + 3, own.array.shape)) for name, own in codes.items()
    }
    found = values(Alignment().run(Work(alike, dataset, HARDLY, 0, CPU)), 1)
    assert len({found[image] for image in ("", *IMAGES)}) == 1


def test_the_main_value_comes_first() -> None:
    assert metric_names("alignment")[0] in run(None).metrics


# known answers of a method's own head


@pytest.mark.parametrize("count", [1, 3])
def test_who_reads_the_codes_needs_the_image_and_nothing_else(count: int) -> None:
    result = run(ReadsCodes())
    found = values(result, count)
    assert result.metrics["word_recall" if count == 1 else "word_recall/mask-3"].n == count * SPLITS["test"]
    assert found[OWN] == found[AFTER] == 1
    for image in IMAGES:
        assert found[f"{OWN}-{image}"] == found[f"{AFTER}-{image}"] < 0.12


@pytest.mark.parametrize("count", [1, 3])
def test_a_leak_shows_as_recall_without_the_image_where_words_are_masked_after_encoding(count: int) -> None:
    found = values(run(ReadsEndToken()), count)
    assert [found[variant] for variant in (AFTER, *(f"{AFTER}-{image}" for image in IMAGES))] == [1, 1, 1]
    assert [found[variant] for variant in (OWN, *(f"{OWN}-{image}" for image in IMAGES))] == [0, 0, 0]


def test_the_most_frequent_word_of_training_is_the_floor() -> None:
    _, dataset = world(None)
    spoken = [word for own in dataset["train"].captions for caption in own for word in caption.split()]
    result = run(Says(max(set(spoken), key=spoken.count)))
    for count in (1, 3):
        found = values(result, count)
        assert len(found) == 3 + 6 + 1
        assert len({value for name, value in found.items() if name == "most-frequent" or OWN in name}) == 1
        assert 0 < found["most-frequent"] < 0.12


def test_recall_counts_masked_words_only() -> None:
    guessed, truth = np.array([[5, 6, 7], [5, 6, 7]]), np.array([[5, 9, 7], [9, 9, 7]])
    masked = np.array([[True, True, False], [True, False, True]])
    assert word_recall(guessed, truth, masked).tolist() == [1, 0, 0, 1]
    with pytest.raises(ValueError, match="shapes differ"):
        word_recall(guessed[:1], truth, masked)


# what is masked, and what stands for the image


def test_words_are_neither_start_nor_end_nor_padding() -> None:
    ids = TEXT.tokenize(["", "a", "a red cat", " ".join(["a"] * 40)])
    assert word_positions(ids).sum(1).tolist() == [0, 1, 3, TEXT.length - 2]


def test_masks_are_random_words_nested_and_all_of_a_short_caption() -> None:
    ids = TEXT.tokenize(["a red cat is left", "a cat", "a", ""] * 300)
    turns = masking_ranks(ids, np.random.default_rng(0))
    assert [(turns < 1).sum(1)[:4].tolist(), (turns < 3).sum(1)[:4].tolist()] == [[1, 1, 1, 0], [3, 2, 1, 0]]
    assert (turns[~word_positions(ids)] == NEVER).all()
    shares = (turns[::4] < 1).mean(0)
    assert shares[1:6] == pytest.approx(0.2, abs=0.08)


def test_another_image_is_never_the_own_one() -> None:
    for count in range(2, 30):
        other = derangement(count, np.random.default_rng(count))
        assert sorted(other) == list(range(count))
        assert (other != np.arange(count)).all()


def test_what_stands_for_an_image() -> None:
    codes, _ = world(None)
    images = image_controls(codes, np.random.default_rng(0), CPU)
    rows = np.array([3, 0, 77])
    own = codes["test"].vectors(rows, CPU)
    assert torch.equal(images[""](rows), own)
    mean = codes["train"].vectors(np.arange(SPLITS["train"]), CPU).double().mean(0).float()
    assert torch.equal(images["no-image"](rows), mean.expand_as(own))
    other = derangement(SPLITS["test"], np.random.default_rng(0))[rows]
    assert torch.equal(images["shuffled-image"](rows), codes["test"].vectors(other, CPU))


def test_the_controls_change_the_image_only() -> None:
    notes = Notes()
    codes, _ = world(None)
    run(notes)
    batches = -(-SPLITS["test"] // 64)
    calls = [notes.given[start : start + batches] for start in range(0, len(notes.given), batches)]
    assert len(calls) == 2 * 2 * 3
    vectors, ids, masks = ([torch.cat([given[part] for given in call]) for call in calls] for part in range(3))
    assert [call[0][3] for call in calls[:6]] == ["words"] * 3 + ["features"] * 3
    assert all(torch.equal(ids[0], other) for other in ids)
    assert all(torch.equal(masks[0], other) for other in masks[:6])
    assert (masks[6] & masks[0]).sum() == masks[0].sum() == SPLITS["test"]
    own = codes["test"].vectors(np.arange(SPLITS["test"]), CPU)
    mean = codes["train"].vectors(np.arange(SPLITS["train"]), CPU).mean(0)
    for start in range(0, 12, 3):
        assert torch.equal(vectors[start], own)
        torch.testing.assert_close(vectors[start + 1], mean.expand_as(own))
        assert torch.equal(vectors[start + 2], vectors[2])
    moved = (own.flatten(1) @ vectors[2].flatten(1).T == 4).nonzero()
    assert sorted(moved[:, 1].unique().tolist()) == list(range(SPLITS["test"]))
    assert not torch.equal(vectors[2], own)


def test_a_seed_fixes_captions_and_masks_and_leaves_the_global_one_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first, again, other = run(ReadsCodes()), run(ReadsCodes()), run(ReadsCodes(), seed=1)
    assert torch.equal(torch.rand(1), expected)
    assert first.metrics == again.metrics
    assert first.samples == again.samples != other.samples


def test_scores_are_of_words_beside_their_image() -> None:
    codes, dataset = world(ReadsCodes())
    dataset["test"] = replace(dataset["test"], captions=[["a red cat left", "a red cat"], [""], *[["cat"]] * 148])
    result = Alignment().run(Work(codes, dataset, HARDLY, 0, CPU))
    assert result.metrics["word_recall/mask-3"].n == 3 + 148
    assert result.per_example["images/mask-3@no-image"].tolist() == [0, 0, 0, *range(2, 150)]
    for name, score in result.metrics.items():
        assert result.per_example[name].mean(dtype=np.float64) == pytest.approx(score.value)
        if name.startswith("word_recall"):
            assert score.clusters == "images" + name.removeprefix("word_recall")
            assert len(result.per_example[score.clusters]) == score.n
        metric = metric_of(name)
        assert (metric.higher_is_better, metric.unit) == (name.startswith("word_recall"), "")
    assert result.metrics["similarity_mse"].n == 1


def test_samples_show_words_and_guesses() -> None:
    sample = run(ReadsEndToken()).samples["mask-1.md"]
    assert isinstance(sample, str)
    header, _, *rows = sample.splitlines()
    columns = [
        "guess",
        "no image",
        *(f"own head{at}{image}" for at in ("", " after encoding") for image in ("", " no image")),
    ]
    assert header == f"| {' | '.join(['caption', 'masked word', *columns])} |"
    assert len(rows) == 12
    for row in rows:
        caption, word, _, _, guess, _, leaked, without = row.strip("| ").split(" | ")
        assert word in caption.split()
        assert leaked == without == word != guess
    alone = run(None).samples["mask-3.md"]
    assert isinstance(alone, str)
    assert alone.splitlines()[0] == "| caption | masked word | guess | no image |"


def test_pieces_are_named_by_whole_words() -> None:
    words = Says("a")
    assert most_frequent(words, ["red a", "a red", "cat"]) == min(TEXT.words["a"], TEXT.words["red"])
    assert piece_names(words, ["red a", "red"]) == {TEXT.words["a"]: "a", TEXT.words["red"]: "red"}


def test_what_is_missing_is_named() -> None:
    codes, dataset = world(None)
    for split in ("train", "test"):
        for captions in ((), [[], *dataset[split].captions[1:]]):
            broken = {**dataset, split: replace(dataset[split], captions=captions)}
            with pytest.raises(DataError, match=f"{split} split has images without a caption"):
                Alignment().run(Work(codes, broken, HARDLY, 0, CPU))


def test_a_head_of_other_word_pieces_is_left_out_and_says_so() -> None:
    words = Says("a")
    words.tokenize = lambda captions: TEXT.tokenize(captions) + 1  # type: ignore[method-assign]
    result = run(words)
    assert not any(OWN in name for name in result.metrics)
    assert "other word pieces" in result.skipped["word_recall@own-head"]


def test_declared_metrics_are_those_returned() -> None:
    families = {name.partition("/")[0].partition("@")[0] for name in run(Says("a")).metrics}
    assert families == set(metric_names("alignment"))


@pytest.mark.parametrize("name", ["vqgan", "lgvq", "rvq", "identity", "random-codebook"])
def test_every_method_is_measured(name: str, tmp_path: Path) -> None:
    entry = methods.get(name)
    torch.manual_seed(0)
    tokenizer = entry.load()(**entry.facts.arguments).build(SMOKE, "emoji-scenes", TEXT).eval()
    captions = [[" ".join(SPOKEN[row : row + 3])] for row in range(12)]
    images = np.random.default_rng(0).integers(0, 256, (12, 32, 32, 3), np.uint8)
    dataset = {part: Split(part, images, captions) for part in ("train", "test")}
    codes = {
        part: encode_split(tokenizer, split, tmp_path / part, CPU, lambda *_: None) for part, split in dataset.items()
    }
    result = Alignment().run(Work(codes, dataset, HARDLY, 0, CPU))
    assert {"word_recall", "word_recall/mask-3", "similarity_mse@random-match"} <= set(result.metrics)
    assert ("word_recall@own-head-after-encoding" in result.metrics) == (name == "lgvq")
    assert all(0 <= score.value <= 4 for score in result.metrics.values())


def test_a_smoke_run_measures_a_method_and_the_caption_alone(
    bench: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    done = bench("run", "--methods", "lgvq", "--tasks", "alignment", "--datasets", "toy-colours",
                 "--preset", "smoke", "--engine", "serial", "--set", "preset.steps=3")  # fmt: skip
    assert done.returncode == 0, done.stderr
    records = [json.loads(path.read_text()) for path in tmp_path.glob("results/*/*/alignment/*.json")]
    found = {record["method"]["name"]: record for record in records}
    assert {name: record["status"] for name, record in found.items()} == {"lgvq": "ok", "blind": "ok"}
    assert all(record["metrics"]["word_recall/mask-3"]["n"] == 3 * 48 for record in found.values())
    assert set(found["blind"]["metrics"]) < set(found["lgvq"]["metrics"])
