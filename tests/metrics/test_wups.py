from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from helpers.small_wordnet import write_wordnet

from bench.errors import DataError
from bench.metrics import wups as module
from bench.metrics.wups import answer_similarity, find_wordnet, protocol, wups
from bench.registry import metric_of

TREE = {
    "entity": None,
    "animal": "entity",
    "dog": "animal",
    "cat": "animal",
    "puppy": "dog",
    "hot_dog": "entity",
}
"""A noun and the noun above it."""


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    """What is found in one test is not found in the next."""
    find_wordnet.cache_clear()
    yield
    find_wordnet.cache_clear()


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = write_wordnet(tmp_path / "dict", TREE)
    monkeypatch.setenv("WNSEARCHDIR", str(folder))
    return folder


@pytest.fixture
def real() -> None:
    try:
        find_wordnet()
    except DataError as error:
        pytest.skip(str(error))


def similarity(answer: str, truth: str) -> float:
    return answer_similarity([answer], [truth]).item()


# the definition, on a tree that can be counted by hand


@pytest.mark.parametrize(
    ("answer", "truth", "expected"),
    [
        ("dog", "dog", 1),  # the same string
        ("qux", "qux", 1),  # even where WordNet lacks it
        ("dog", "qux", 0),
        ("qux", "dog", 0),
        ("", "dog", 0),
        ("dog", "cat", 2 * 2 / (3 + 3)),  # they meet in animal, the second of three levels
        ("puppy", "cat", 2 * 2 / (4 + 3)),
        ("puppy", "dog", 2 * 3 / (4 + 3)),  # an ancestor meets itself
        ("dog", "entity", 2 * 1 / (3 + 1)),
        ("dogs", "dog", 1),  # another string, but a form of the same noun
        ("Dog", "dog", 1),
        ("hot dog", "dog", 2 * 1 / (2 + 3)),  # looked up as hot_dog
        ("cat dog", "dog", 0),
    ],
)
def test_similarity_by_hand(small: Path, answer: str, truth: str, expected: float) -> None:
    assert similarity(answer, truth) == pytest.approx(expected)


def test_similarities_come_one_an_answer(small: Path) -> None:
    found = answer_similarity(["dog", "cat", "dog"], ["cat", "cat", "qux"])
    assert found.tolist() == pytest.approx([2 / 3, 1, 0])
    assert answer_similarity([], []).shape == (0,)
    with pytest.raises(ValueError, match="shorter"):
        answer_similarity(["dog"], [])


def test_below_the_threshold_counts_a_tenth() -> None:
    found = np.array([1, 0.95, 0.9, 0.89, 0])
    assert wups(found, 0.9).tolist() == pytest.approx([1, 0.95, 0.9, 0.089, 0])
    assert wups(found, 0.0).tolist() == found.tolist()


def test_variants_of_wups_are_known() -> None:
    assert metric_of("wups_0.9") == metric_of("wups_0.0")
    assert (metric_of("wups_0.9").higher_is_better, metric_of("wups_0.9").unit) == (True, "")


# where WordNet is


def test_the_protocol_holds_the_content(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = protocol()
    monkeypatch.setenv("WNSEARCHDIR", str(write_wordnet(tmp_path / "other", TREE | {"cow": "animal"})))
    find_wordnet.cache_clear()
    second = protocol()
    monkeypatch.setenv("WNSEARCHDIR", str(write_wordnet(tmp_path / "copy", TREE)))
    find_wordnet.cache_clear()
    assert first != second
    assert first == protocol()


def test_wnhome_and_the_environment_s_share_are_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = write_wordnet(tmp_path / "home" / "dict", TREE)
    share = write_wordnet(tmp_path / "prefix" / "share" / "wordnet", TREE)
    monkeypatch.delenv("WNSEARCHDIR", raising=False)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "prefix"))
    monkeypatch.delenv("WNHOME", raising=False)
    assert find_wordnet() == share
    find_wordnet.cache_clear()
    monkeypatch.setenv("WNHOME", str(tmp_path / "home"))
    assert find_wordnet() == home


def test_what_nltk_s_downloader_leaves_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A zip that is not unpacked."""
    import nltk

    packed = tmp_path / "nltk_data" / "corpora"
    write_wordnet(packed / "wordnet", TREE)
    shutil.make_archive(str(packed / "wordnet"), "zip", packed, "wordnet")
    shutil.rmtree(packed / "wordnet")
    places = module._places
    monkeypatch.setattr(nltk.data, "path", [str(tmp_path / "nltk_data")])
    monkeypatch.setattr(module, "_places", lambda: (place for place in places() if str(tmp_path) in str(place)))
    assert "wordnet.zip" in str(find_wordnet())
    assert similarity("dog", "cat") == pytest.approx(2 / 3)
    assert protocol()["wordnet"]


def test_without_wordnet_there_is_a_reason_and_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_places", lambda: iter(()))
    assert protocol()["wordnet"] is None
    with pytest.raises(DataError, match="apt-get install wordnet-base"):
        answer_similarity(["dog"], ["cat"])


@pytest.mark.parametrize("text", ["dog n\n", "dog n one 0 1 0 00000000\n", "\n", "dog n 1 0 1 0\n"])
def test_a_broken_index_is_reported(small: Path, text: str) -> None:
    (small / "index.noun").write_text(text)
    with pytest.raises(DataError, match="cannot read WordNet"):
        similarity("dog", "cat")


def test_a_missing_file_is_reported(small: Path) -> None:
    (small / "data.adj").unlink()
    with pytest.raises(DataError, match=r"data\.adj"):
        similarity("dog", "cat")


# published values, on the real WordNet


@pytest.mark.parametrize(
    ("answer", "truth", "expected"),
    [
        ("dog", "cat", 0.857142857),  # nltk's documentation has it for the first senses, which are the nearest
        ("red", "blue", 0.875),
        ("car", "truck", 0.916666667),
        ("banana", "apple", 0.818181818),
        ("chair", "dog", 0.842105263),  # both also name persons: why the threshold is high
    ],
)
def test_known_values(real: None, answer: str, truth: str, expected: float) -> None:
    assert similarity(answer, truth) == pytest.approx(expected, abs=1e-6)
    assert similarity(truth, answer) == pytest.approx(expected, abs=1e-6)


def test_the_lower_of_both_orders_counts(real: None) -> None:
    """nltk finds 0.632 for (cat, woman) and 0.947 for (woman, cat)."""
    assert similarity("cat", "woman") == similarity("woman", "cat") == pytest.approx(0.631578947, abs=1e-6)
