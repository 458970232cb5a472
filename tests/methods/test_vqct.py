from __future__ import annotations

import gzip
from pathlib import Path

import pytest
import torch
from helpers.small_text import ADJECTIVES, ANIMALS, PLACES, THINGS, WORDS, SmallText

from bench.errors import DataError, UsageError
from bench.methods.parts import word_codes as module
from bench.methods.parts.word_codes import WordCodes, lexicon, normalised_adjacency, parts_of_speech, word_codes
from bench.methods.vqct import TransferredCodebook, Vqct
from bench.presets import PRESETS
from bench.text.load import load_text_encoder

SMALL_WORDS = [*ADJECTIVES, *ANIMALS, *THINGS, *PLACES]
PAIRS = len(ADJECTIVES) * (len(SMALL_WORDS) - len(ADJECTIVES))


def quantizer(count: int = 64, width: int = 8) -> TransferredCodebook:
    torch.manual_seed(0)
    return TransferredCodebook(word_codes(SmallText(), count), width, beta=0.25, legacy=True)


def test_parts_of_speech_of_known_words() -> None:
    speech = parts_of_speech(lexicon())
    assert speech.adjectives >= {"red", "round", "wooden", "green"}
    assert speech.nouns >= {"cat", "cats", "umbrella", "picture"}
    assert "orange" in speech.adjectives - speech.nouns  # it can be both
    for word in ("the", "of", "bring", "quickly", "Aachen", "i"):
        assert word not in speech.adjectives | speech.nouns


@pytest.mark.parametrize("damage", [b"", b"red,adj,red\n", None])
def test_a_damaged_lexicon_is_refused(damage: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "lemma_lu.csv.gz"
    if damage is not None:
        path.write_bytes(gzip.compress(damage))
    with pytest.raises(DataError, match=r"lemminflect==0\.2\.3"):
        parts_of_speech(path)


def test_a_missing_package_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PACKAGE", "no_such_package")
    with pytest.raises(DataError, match=r"lemminflect==0\.2\.3"):
        lexicon()


def test_rows_are_words_in_vocabulary_order_then_early_pairs() -> None:
    text = SmallText()
    assert word_codes(text, 15).names == SMALL_WORDS[:15]
    codes = word_codes(text, 46)
    assert codes.names[:40] == SMALL_WORDS
    assert codes.names[40:] == ["red cat", "red dog", "blue cat", "red horse", "blue dog", "green cat"]
    assert torch.equal(codes.embeddings[1], text.table[WORDS.index("blue")])
    pair = (text.table[WORDS.index("blue")] + text.table[WORDS.index("dog")]) / 2
    torch.testing.assert_close(codes.embeddings[44], pair)


def test_all_codes_that_can_be_made_and_no_more() -> None:
    text = SmallText()
    text.name = "small"
    names = word_codes(text, 40 + PAIRS).names
    assert len(set(names)) == 40 + PAIRS
    assert names[-1] == "empty street"
    for count in (1, 41 + PAIRS):
        with pytest.raises(UsageError, match=rf"12 adjectives and 28 nouns, which make 2 to {40 + PAIRS} codes"):
            word_codes(text, count)
    with pytest.raises(UsageError, match="tiny-clip knows"):
        Vqct(codes=5000).build(PRESETS["smoke"], "emoji-scenes", load_text_encoder("tiny-clip"))
    with pytest.raises(UsageError, match="needs a text encoder"):
        Vqct().build(PRESETS["smoke"], "emoji-scenes", None)


def test_edges_join_nouns_with_their_nearest_adjectives_and_pairs_with_their_words() -> None:
    text = SmallText()
    codes = word_codes(text, 42)
    edges = [tuple(codes.names[row] for row in edge) for edge in codes.edges.T.tolist()]
    unit = torch.nn.functional.normalize(text.table, dim=1)
    rows = [WORDS.index(word) for word in ADJECTIVES]
    nearest = (unit[rows] @ unit[WORDS.index("lamp")]).argsort(descending=True)[:4].tolist()
    assert {other for noun, other in edges if noun == "lamp"} == {ADJECTIVES[place] for place in nearest}
    assert {other for pair, other in edges if pair == "red dog"} == {"red", "dog"}
    assert len(set(edges)) == len(edges) == 28 * 4 + 2 * 2


@pytest.mark.parametrize("words", [ADJECTIVES[:2], ANIMALS[:2]])
def test_words_of_one_part_of_speech_are_left_unjoined(words: list[str]) -> None:
    text = SmallText()
    text.words = {word: text.words[word] for word in words}
    assert word_codes(text, 2).edges.shape == (2, 0)


def test_the_graph_is_normalised_as_by_hand() -> None:
    """A path 0 - 1 - 2 and a lone 3: with self loops the degrees are 2, 3, 2, 1."""
    found = normalised_adjacency(torch.tensor([[0, 2], [1, 1]]), 4).to_dense()
    joined = 1 / 6**0.5
    expected = [[1 / 2, joined, 0, 0], [joined, 1 / 3, joined, 0], [0, joined, 1 / 2, 0], [0, 0, 0, 1]]
    torch.testing.assert_close(found, torch.tensor(expected))


def test_codes_are_two_graph_convolutions() -> None:
    """Against the dense formula; the embeddings are centred and of variance 1 already."""
    embeddings = torch.tensor([[1.0, 1.0], [-1.0, 1.0], [0.0, -2.0]])
    embeddings = embeddings / embeddings.std()
    codes = TransferredCodebook(WordCodes(["a", "b", "c"], embeddings, torch.tensor([[0], [1]])), 4, 0.25, True)
    graph = torch.tensor([[0.5, 0.5, 0], [0.5, 0.5, 0], [0, 0, 1]])
    hidden = (graph @ embeddings @ codes.inner.weight.T + codes.inner.bias).relu()
    expected = graph @ hidden @ codes.outer.weight.T + codes.outer.bias
    torch.testing.assert_close(codes.codebook, expected)


def test_codes_start_centred_and_as_large_as_a_uniform_codebook() -> None:
    codebook = quantizer().codebook.detach()
    torch.testing.assert_close(codebook.mean(0), torch.zeros(8), atol=1e-6, rtol=0)
    assert float(codebook.square().mean().sqrt()) == pytest.approx(1 / (64 * 3**0.5), rel=1e-4)


def test_the_nearest_code_is_taken() -> None:
    codes = quantizer()
    book = codes.codebook.detach()
    z = book[[5, 0, 63, 17]].T.reshape(1, 8, 2, 2)
    found = codes(z)
    assert found.indices.flatten().tolist() == [5, 0, 63, 17]
    torch.testing.assert_close(found.quantized, z)
    assert found.loss.item() == pytest.approx(0, abs=1e-12)


def test_one_chosen_code_moves_all_codes() -> None:
    """More than by a shift that all have in common."""
    codes = quantizer()
    before = codes.codebook.detach().clone()
    z = (before[7] * 1.01).view(1, 8, 1, 1).expand(2, 8, 3, 3)
    found = codes(z)
    assert found.indices.unique().tolist() == [7]
    found.loss.backward()
    torch.optim.SGD(codes.parameters(), 1.0).step()
    moved = codes.codebook.detach() - before
    assert ((moved - moved.mean(0)).norm(dim=1) > 0).all()


def test_embeddings_and_graph_stay_frozen_and_are_not_saved() -> None:
    codes = quantizer()
    features, graph = codes.features.clone(), codes.adjacency.to_dense()
    optimizer = torch.optim.Adam(codes.parameters(), 0.1)
    for _ in range(3):
        optimizer.zero_grad()
        codes(torch.randn(2, 8, 3, 3)).loss.backward()
        optimizer.step()
    assert torch.equal(codes.features, features)
    assert torch.equal(codes.adjacency.to_dense(), graph)
    assert set(codes.state_dict()) == {"inner.weight", "inner.bias", "outer.weight", "outer.bias"}
    again = quantizer()
    again.load_state_dict(codes.state_dict(), strict=True)
    assert torch.equal(again.codebook, codes.codebook)


def test_codes_are_float32_under_autocast() -> None:
    codes = quantizer()
    expected = codes.codebook
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(codes.codebook, expected)
        assert codes(torch.randn(1, 8, 2, 2)).loss.dtype == torch.float32


def test_an_untrained_tokenizer_uses_more_than_one_code() -> None:
    torch.manual_seed(0)
    tokenizer = Vqct(codes=512).build(PRESETS["smoke"], "emoji-scenes", load_text_encoder("tiny-clip"))
    images = torch.nn.functional.interpolate(torch.randn(4, 3, 4, 4), 32, mode="bicubic").clamp(-1, 1)
    assert tokenizer.codebook.shape == (512, 16)
    assert len(tokenizer.encode(images).unique()) > 20
