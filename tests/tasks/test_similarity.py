from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers.small_text import SmallText
from torch import Tensor

from bench.contracts.codes import Codes
from bench.contracts.data import Split
from bench.metrics.similarity import similarity_mse
from bench.registry import metric_of
from bench.tasks.parts.language.similarity import (
    caption_similarity,
    orthogonal_similarity,
    standardised,
    word_directions,
)
from bench.tasks.parts.networks.head import CodeReader

CPU = torch.device("cpu")
TEXT = SmallText()
WORDS = [f"w{number}" for number in range(8)]
IDS = torch.tensor([4, 5, 6, 7, 8, 9, 10, 11])


def turned(vectors: Tensor) -> Tensor:
    """The same cosines in another basis, each vector of another length."""
    basis = torch.linalg.qr(torch.randn(vectors.shape[1], vectors.shape[1], generator=torch.Generator().manual_seed(0)))
    return vectors @ basis.Q * torch.arange(1, len(vectors) + 1)[:, None]


def world(codebook: Tensor) -> tuple[Codes, Split]:
    """Each image has three different codes and one more, a caption names the three."""
    draw = np.random.default_rng(0)
    named = [draw.permutation(8)[:3] for _ in range(400)]
    array = np.stack([draw.permutation([*row, draw.integers(8)]).reshape(2, 2) for row in named]).astype(np.int32)
    captions = [[" ".join(WORDS[code] for code in row)] for row in named]
    split = Split("train", np.zeros((400, 8, 8, 3), np.uint8), captions)
    return Codes(array, codebook, True, lambda indices: indices), split


def as_it_is(codes: Codes) -> CodeReader:
    """A reader that leaves the scale of codes alone, so that cosines are known."""
    reader = CodeReader(codes, 8)
    reader.mean.zero_()
    reader.scale.fill_(1)
    return reader


def scores(codebook: Tensor, reader: CodeReader | None = None, seed: int = 0) -> dict[str, np.ndarray]:
    codes, split = world(codebook)
    reader = reader or CodeReader(codes, 8)
    ids = TEXT.tokenize([own[0] for own in split.captions])
    directions = word_directions(codes, split, TEXT, reader, CPU)
    return caption_similarity(codes, ids, TEXT.word_embeddings, directions, reader, np.random.default_rng(seed))


# the metric


def test_codes_with_the_cosines_of_the_words_score_zero_and_permuted_ones_do_not() -> None:
    words = TEXT.word_embeddings[IDS]
    codes = turned(words)
    assert similarity_mse(words, codes) == pytest.approx(0, abs=1e-12)
    assert similarity_mse(words, codes[torch.randperm(8, generator=torch.Generator().manual_seed(1))]) > 0.01


def test_the_diagonal_does_not_count() -> None:
    half = torch.tensor([[1.0, 0.0], [0.5, 0.75**0.5]])
    assert similarity_mse(half, torch.eye(2)) == pytest.approx(0.25)
    assert similarity_mse(half, torch.ones(2, 3)) == pytest.approx(0.25)
    assert similarity_mse(half, torch.zeros(2, 3)) == pytest.approx(0.25)
    metric = metric_of("similarity_mse@random-match")
    assert (metric.higher_is_better, metric.unit) == (False, "")


@pytest.mark.parametrize(("words", "codes"), [(1, 1), (0, 0), (3, 2)])
def test_no_pairs_are_an_error(words: int, codes: int) -> None:
    with pytest.raises(ValueError, match=f"{words} words and {codes} codes have no pairs"):
        similarity_mse(torch.randn(words, 4), torch.randn(codes, 4))


# the match


def test_a_word_points_to_the_mean_code_of_its_images() -> None:
    array = np.array([[[0, 0]], [[0, 1]], [[1, 1]]], np.int32)
    codes = Codes(array, torch.eye(2), True, lambda indices: indices)
    split = Split("train", np.zeros((3, 8, 8, 3), np.uint8), [["w0 w0", "w0 w1"], ["w0"], ["w1"]])
    found = word_directions(codes, split, TEXT, as_it_is(codes), CPU)
    assert found[IDS[:3]].tolist() == [[0.75, 0.25], [0.5, 0.5], [0, 0]]
    assert not found[:4].any()


def test_each_word_finds_its_code() -> None:
    codes, split = world(torch.eye(8))
    directions = word_directions(codes, split, TEXT, CodeReader(codes, 8), CPU)
    assert directions[IDS].argmax(1).tolist() == list(range(8))
    codebook = torch.eye(8)
    found = scores(codebook)
    assert len(found[""]) == len(found["random-match"]) == 400
    assert found[""].mean() < found["random-match"].mean()
    reader = CodeReader(codes, 8)
    vectors = standardised(codebook, reader)
    own = IDS[[WORDS.index(word) for word in split.captions[7][0].split()]]
    assert found[""][7] == pytest.approx(similarity_mse(TEXT.word_embeddings[own], vectors[own - IDS[0]]))


def test_scale_and_place_of_codes_do_not_matter() -> None:
    codebook = torch.randn(8, 5, generator=torch.Generator().manual_seed(3))
    plain, moved = scores(codebook), scores(codebook * torch.tensor([1, 9, 0.1, 2, 30]) + 40)
    for variant in plain:
        np.testing.assert_allclose(plain[variant], moved[variant], atol=1e-3)
    assert not np.allclose(plain[""], scores(codebook, as_it_is(world(codebook)[0]))[""], atol=1e-3)


def test_the_random_match_follows_the_seed_and_the_other_does_not() -> None:
    codebook = torch.randn(8, 5, generator=torch.Generator().manual_seed(3))
    one, again, other = scores(codebook), scores(codebook), scores(codebook, seed=1)
    assert np.array_equal(one[""], other[""])
    assert np.array_equal(one["random-match"], again["random-match"])
    assert not np.array_equal(one["random-match"], other["random-match"])


def test_continuous_features_and_residual_codes_are_matched_too() -> None:
    codebook = torch.randn(8, 5, generator=torch.Generator().manual_seed(3))
    codes, split = world(codebook)
    continuous = Codes(codebook.numpy()[codes.array], torch.empty(0, 5), False, lambda vectors: vectors)
    levels = np.stack([codes.array, codes.array], -1)
    residual = Codes(levels, torch.stack([codebook / 4, codebook * 3 / 4]), True, lambda indices: indices)
    ids = TEXT.tokenize([own[0] for own in split.captions])
    for other in (continuous, residual):
        reader = CodeReader(other, 8)
        directions = word_directions(other, split, TEXT, reader, CPU)
        draw = np.random.default_rng(0)
        found = caption_similarity(other, ids, TEXT.word_embeddings, directions, reader, draw)
        np.testing.assert_allclose(found[""], scores(codebook)[""], atol=1e-4)


def test_repeated_words_and_captions_of_one_word_do_not_count() -> None:
    ids = TEXT.tokenize(["w0 w1", "w0 w0 w1", "w0 w0", "w0", ""])
    found = orthogonal_similarity(ids, TEXT.word_embeddings)
    cosine = F.cosine_similarity(TEXT.word_embeddings[4], TEXT.word_embeddings[5], dim=0).item()
    assert found == pytest.approx([cosine**2] * 2, rel=1e-4)
