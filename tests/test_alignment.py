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
from small_text import WORDS, SmallText
from torch import Tensor, nn

from bench.codes import Codes
from bench.contracts import MaskAt, Split, TaskResult, WordPredictor
from bench.encode import encode_split
from bench.errors import DataError
from bench.masking import NEVER, masking_turns, most_frequent, piece_names, word_positions
from bench.metrics.words import word_recall
from bench.presets import PRESETS
from bench.registry import methods, metric_facts, tasks
from methods.language_guided import LanguageGuided
from methods.lgvq import LgVq
from tasks.alignment import Alignment, derangement

CPU = torch.device("cpu")
SMOKE = PRESETS["smoke"]
TEXT = SmallText()
FIRST = WORDS.index("w0")
KINDS = 20
SPLITS = {"train": 200, "test": 150}
IMAGES = ("no-image", "shuffled-image")
AFTER = "after-encoding"


class Made(nn.Module):
    """A word predictor that tokenizes as the small text encoder does."""

    def tokenize(self, captions: list[str]) -> Tensor:
        return TEXT.tokenize(captions)

    def word_logits(self, vectors: Tensor, ids: Tensor, predict: Tensor, mask_at: MaskAt) -> Tensor:
        raise NotImplementedError


class ReadsCodes(Made):
    """Word number i of a caption is the code at position i."""

    def word_logits(self, vectors: Tensor, ids: Tensor, predict: Tensor, mask_at: MaskAt) -> Tensor:
        words = F.pad(vectors, (FIRST, len(WORDS) - FIRST - KINDS, 1, 1))
        return words[:, : ids.shape[1]]


class ReadsEndToken(Made):
    """Blind, but the features of the end token, which is never masked, hold all that was encoded."""

    def word_logits(self, vectors: Tensor, ids: Tensor, predict: Tensor, mask_at: MaskAt) -> Tensor:
        encoded = ids.masked_fill(predict, TEXT.mask_id) if mask_at == "words" else ids
        causal = torch.ones(ids.shape[1], ids.shape[1]).tril()
        features = causal[:, :, None] * F.one_hot(encoded, len(WORDS))[:, None]  # position, words that it has seen
        features = features.masked_fill(predict[:, :, None, None], 0)
        end = (ids != 0).sum(1) - 1
        return features[torch.arange(len(ids)), end]


class Says(Made):
    """Always the same word."""

    def __init__(self, word: str) -> None:
        super().__init__()
        self.id = WORDS.index(word)

    def word_logits(self, vectors: Tensor, ids: Tensor, predict: Tensor, mask_at: MaskAt) -> Tensor:
        return F.one_hot(torch.full_like(ids, self.id), len(WORDS)).float()


class Notes(Says):
    """Keeps what it is given."""

    def __init__(self) -> None:
        super().__init__("w0")
        self.given: list[tuple[Tensor, Tensor, Tensor, str]] = []

    def word_logits(self, vectors: Tensor, ids: Tensor, predict: Tensor, mask_at: MaskAt) -> Tensor:
        self.given.append((vectors, ids, predict, mask_at))
        return super().word_logits(vectors, ids, predict, mask_at)


def world(words: WordPredictor | None) -> tuple[dict[str, Codes], dict[str, Split]]:
    """Four random codes an image; one caption names all of them, another the first three."""
    codes, dataset = {}, {}
    for number, (name, count) in enumerate(SPLITS.items()):
        array = np.random.default_rng(number).integers(0, KINDS, (count, 2, 2)).astype(np.int32)
        named = [[f"w{code}" for code in row.flatten()] for row in array]
        captions = [[" ".join(row), " ".join(row[:3])] for row in named]
        codes[name] = Codes(array, torch.eye(KINDS), True, lambda indices: indices, words)
        dataset[name] = Split(name, np.zeros((count, 8, 8, 3), np.uint8), captions)
    return codes, dataset


def run(words: WordPredictor, seed: int = 0) -> TaskResult:
    return Alignment().run(*world(words), SMOKE.head, seed, CPU)


def values(result: TaskResult, count: int) -> dict[str, float]:
    """Variant to recall."""
    family = f"word_recall/mask-{count}"
    return {
        name[len(family) :].removeprefix("@"): score.value
        for name, score in result.metrics.items()
        if name.startswith(family)
    }


# known answers


@pytest.mark.parametrize("count", [1, 3])
def test_who_reads_the_codes_needs_the_image_and_nothing_else(count: int) -> None:
    result = run(ReadsCodes())
    found = values(result, count)
    assert result.metrics[f"word_recall/mask-{count}"].n == count * SPLITS["test"]
    assert found[""] == found[AFTER] == 1
    for image in IMAGES:
        assert found[image] == found[f"{AFTER}-{image}"] < 0.12


@pytest.mark.parametrize("count", [1, 3])
def test_a_leak_shows_as_recall_without_the_image_where_words_are_masked_after_encoding(count: int) -> None:
    found = values(run(ReadsEndToken()), count)
    assert [found[variant] for variant in (AFTER, *(f"{AFTER}-{image}" for image in IMAGES))] == [1, 1, 1]
    assert [found[variant] for variant in ("", *IMAGES)] == [0, 0, 0]


def test_the_most_frequent_word_of_training_is_the_floor() -> None:
    _, dataset = world(None)
    spoken = [word for own in dataset["train"].captions for caption in own for word in caption.split()]
    result = run(Says(max(set(spoken), key=spoken.count)))
    for count in (1, 3):
        found = values(result, count)
        assert len(found) == 7
        assert len(set(found.values())) == 1
        assert 0 < found["most-frequent"] < 0.12


def test_recall_counts_masked_words_only() -> None:
    guessed, truth = np.array([[5, 6, 7], [5, 6, 7]]), np.array([[5, 9, 7], [9, 9, 7]])
    masked = np.array([[True, True, False], [True, False, True]])
    assert word_recall(guessed, truth, masked).tolist() == [1, 0, 0, 1]
    with pytest.raises(ValueError, match="shapes differ"):
        word_recall(guessed[:1], truth, masked)


# what is masked, and what stands for the image


def test_words_are_neither_start_nor_end_nor_padding() -> None:
    ids = TEXT.tokenize(["", "w1", "w1 w2 w3", " ".join(["w5"] * 20)])
    assert word_positions(ids).sum(1).tolist() == [0, 1, 3, 10]


def test_masks_are_random_words_nested_and_all_of_a_short_caption() -> None:
    ids = TEXT.tokenize(["w1 w2 w3 w4 w5", "w1 w2", "w1", ""] * 300)
    turns = masking_turns(ids, np.random.default_rng(0))
    assert [(turns < 1).sum(1)[:4].tolist(), (turns < 3).sum(1)[:4].tolist()] == [[1, 1, 1, 0], [3, 2, 1, 0]]
    assert (turns[~word_positions(ids)] == NEVER).all()
    shares = (turns[::4] < 1).mean(0)
    assert shares[1:6] == pytest.approx(0.2, abs=0.08)


def test_another_image_is_never_the_own_one() -> None:
    for count in range(2, 30):
        other = derangement(count, np.random.default_rng(count))
        assert sorted(other) == list(range(count))
        assert (other != np.arange(count)).all()


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
    dataset["test"] = replace(dataset["test"], captions=[["w1 w2 w3 w4", "w1 w2 w3"], [""], *[["w5"]] * 148])
    result = Alignment().run(codes, dataset, SMOKE.head, 0, CPU)
    assert result.metrics["word_recall/mask-3"].n == 3 + 148
    assert result.per_example["image/mask-3@no-image"].tolist() == [0, 0, 0, *range(2, 150)]
    for name, score in result.metrics.items():
        assert result.per_example[name].mean(dtype=np.float64) == pytest.approx(score.value)
        assert len(result.per_example["image" + name.removeprefix("word_recall")]) == score.n
        assert metric_facts(name) == {"higher_is_better": True, "unit": ""}


def test_samples_show_words_and_guesses() -> None:
    sample = run(ReadsEndToken()).samples["mask-1.md"]
    assert isinstance(sample, str)
    header, _, *rows = sample.splitlines()
    assert header == "| caption | masked word | guess | no image | after encoding | after encoding no image |"
    assert len(rows) == 12
    for row in rows:
        caption, word, guess, _, leaked, without = row.strip("| ").split(" | ")
        assert word in caption.split()
        assert leaked == without == word != guess


def test_pieces_are_named_by_whole_words() -> None:
    words = Says("w1")
    assert most_frequent(words, ["w3 w1", "w1 w3", "w2"]) == WORDS.index("w1")
    assert piece_names(words, ["w3 w1", "w3"]) == {WORDS.index("w1"): "w1", WORDS.index("w3"): "w3"}


def test_what_is_missing_is_named() -> None:
    codes, dataset = world(Says("w0"))
    for captions in ((), [[], *dataset["test"].captions[1:]]):
        with pytest.raises(DataError, match="test split has images without a caption"):
            Alignment().run(codes, {**dataset, "test": replace(dataset["test"], captions=captions)}, SMOKE.head, 0, CPU)
    with pytest.raises(ValueError, match="no masked-word head"):
        Alignment().run(*world(None), SMOKE.head, 0, CPU)


# the method's side


def guided(**arguments: object) -> LanguageGuided:
    torch.manual_seed(0)
    return LgVq(base="vqvae", **arguments).build(SMOKE, "emoji-scenes", TEXT)


@pytest.mark.parametrize("name", ["lgvq", "lgvq-mtp", "lgvq-gsa-ras", "lgvq-cvq", "vqgan", "identity"])
def test_a_method_says_whether_its_tokenizers_predict_words(name: str) -> None:
    entry = methods.get(name)
    method = entry.load()(**entry.facts)
    tokenizer = method.build(SMOKE, "emoji-scenes", TEXT)
    predicts = getattr(tokenizer, "word_predictor", None) is not None
    reason = Alignment().skip(None, method)
    assert (reason is None) == predicts == (name in {"lgvq", "lgvq-mtp", "lgvq-cvq"})
    assert predicts or reason == "the method has no masked-word head"


@pytest.mark.parametrize("mask_at", ["features", "words"])
def test_words_are_predicted_as_in_training(mask_at: MaskAt) -> None:
    tokenizer = guided(mask_at=mask_at).eval()
    seen: list[tuple[Tensor, Tensor]] = []
    tokenizer.guidance.word_model.register_forward_hook(lambda _module, given, out: seen.append((given[2], out)))
    text = TEXT.batch(6)
    length = text.ids.shape[1]
    quantized = torch.randn(6, SMOKE.width, SMOKE.grid, SMOKE.grid)
    torch.manual_seed(1)
    tokenizer.guidance(quantized, text)
    predict = seen[0][0][:, :length]
    assert predict.any()
    predictor = tokenizer.word_predictor
    assert predictor is not None
    vectors = quantized.flatten(2).transpose(1, 2)
    found = predictor.word_logits(vectors, text.ids, predict, mask_at)
    assert found.shape == (6, length, len(WORDS))
    torch.testing.assert_close(found, seen[0][1][:, :length])
    longer = F.pad(text.ids, (0, TEXT.length - length))
    padded = predictor.word_logits(vectors, longer, F.pad(predict, (0, TEXT.length - length)), mask_at)
    torch.testing.assert_close(padded[:, :length], found)
    other: MaskAt = "words" if mask_at == "features" else "features"
    assert not torch.allclose(predictor.word_logits(vectors, text.ids, predict, other), found)


def test_codes_carry_the_predictor_of_their_tokenizer(tmp_path: Path) -> None:
    split = Split("test", np.zeros((3, 32, 32, 3), np.uint8))
    for losses in (("mtp",), ("gsa",)):
        tokenizer = guided(losses=losses).eval()
        codes = encode_split(tokenizer, split, tmp_path / losses[0], CPU, lambda *_: None)
        assert codes.words is tokenizer.word_predictor
        assert (codes.words is tokenizer.guidance) == (losses == ("mtp",))


def test_declared_metrics_are_those_returned() -> None:
    families = {name.partition("/")[0] for name in run(Says("w0")).metrics}
    assert families == set(tasks.get("alignment").facts["metrics"])


def test_a_smoke_run_measures_who_has_the_head_and_skips_who_has_not(
    bench: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    done = bench("run", "--methods", "lgvq,vqgan", "--tasks", "alignment", "--datasets", "toy-colours",
                 "--preset", "smoke", "--engine", "serial")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "0 failed" in done.stderr + done.stdout
    records = [json.loads(path.read_text()) for path in tmp_path.glob("results/*/*/alignment/*.json")]
    found = {record["method"]["name"]: record for record in records}
    assert {name: record["status"] for name, record in found.items()} == {"lgvq": "ok", "vqgan": "skipped"}
    assert found["vqgan"]["reason"] == "the method has no masked-word head"
    assert found["lgvq"]["metrics"]["word_recall/mask-3"]["n"] == 3 * 48
