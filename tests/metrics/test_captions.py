"""Caption metrics: against pycocoevalcap called directly, known answers, faults, and machines without Java."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import numpy as np
import pytest
from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.meteor.meteor import Meteor
from pycocoevalcap.rouge.rouge import Rouge
from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

from bench.errors import DataError
from bench.metrics import caption_words, captions
from bench.registry import metric_of
from bench.tasks.parts.language import caption_scores

needs_java = pytest.mark.skipif(shutil.which("java") is None, reason="there is no Java in PATH")

REFERENCES = {
    7: ["A black dog's ball lies on the grass.", "The dog's ball, in a field!", "it isn't a cat; it's a dog"],
    3: ["Two birds (robins) sit on a wire.", "birds on a wire"],
    5: ["A man\nrides a wave on a surfboard.", "a surfer in the U.S.", "man - surfing"],
    1: ["some food on a plate"],
}
CAPTIONS = {7: "a dog on the grass, with a ball", 3: "two birds on a wire.", 5: "A man's in the water", 1: "a plane"}
SAME = [
    "A café, \"two\" dogs!",
    "a dog's ball, it's his.",
    "two dogs' toys",
    "the bird (a robin) sits; it's 3.5 cm",
    "'quoted' word",
    "a cat -- or dog - here",
    "what's that? no!",
    "o'clock",
    "i can't, cannot, won't, gonna",
    "5-year-old boy",
    "A man. He runs. ",
    "black/white at 10:30, 1/2 of 1,000",
    "$5 50% #1",
    "...",
    "",
    "hello...world",
    'say "hi" to',
    "[x] {y}",
    "“curly” ‘quotes’ — and – dashes…",
    "ice-cream & cake",
    "let's, they're, we've, i'll, i'd, i'm",
    "birds,and two: three",
]  # fmt: skip
DIFFERENT = ["dr. who", "a man @home", "a t-shirt!!", "y'all"]


def fake_java(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """A PATH where `java` is this shell script and nothing else can be found."""
    path = folder / "java"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def version_only(number: str) -> str:
    return f"""[ "$1" = -version ] && echo 'openjdk version "{number}" 2020-01-01' >&2"""


@pytest.fixture
def no_java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))


# against pycocoevalcap


@needs_java
def test_values_are_those_of_pycocoevalcap_called_directly(tmp_path: Path) -> None:
    def as_coco(texts: dict[int, list[str]]) -> dict[int, list[dict[str, str]]]:
        return {image: [{"caption": text} for text in own] for image, own in texts.items()}

    direct = Meteor()  # its Java starts while the rest is done
    wanted = PTBTokenizer().tokenize(as_coco(REFERENCES))
    said = PTBTokenizer().tokenize(as_coco({image: [text] for image, text in CAPTIONS.items()}))
    references, cut = caption_scores.tokenized(CAPTIONS, REFERENCES)
    assert references == wanted
    assert cut == said
    assert list(cut) == list(CAPTIONS)

    found = caption_scores.scores(references, cut)
    values, per_image = Bleu().compute_score(wanted, said, verbose=0)
    expected = {f"bleu_{order}": pair for order, pair in enumerate(zip(values, per_image, strict=True), 1)}
    expected |= {"cider_d": Cider().compute_score(wanted, said), "rouge_l": Rouge().compute_score(wanted, said)}
    of_java, skipped = caption_scores.java_scores(references, cut, tmp_path)
    expected["meteor"] = direct.compute_score(wanted, said)
    direct.meteor_p.kill()
    assert all((found | of_java)[name].error > 0 for name in ("bleu_1", "bleu_4", "meteor"))
    for name, (value, scores) in expected.items():
        ours = (found | of_java)[name]
        assert ours.value == pytest.approx(value, rel=1e-12)
        assert ours.per_image == pytest.approx(np.array(scores), rel=1e-12)
        assert ours.value > 0
    assert set(skipped) <= {"spice"}
    again, _ = caption_scores.java_scores(references, cut, tmp_path)  # with the paraphrases that are kept by now
    assert again["meteor"].per_image.tolist() == of_java["meteor"].per_image.tolist()


# known answers


PERFECT = {
    0: "one red bird sits here",
    1: "two blue cats ran away quickly",
    2: "my old green car broke down again today",
}


def test_perfect_captions_have_the_best_values(no_java: None) -> None:
    found = caption_scores.scores(*caption_scores.tokenized(PERFECT, {i: [text] for i, text in PERFECT.items()}))
    best = {"cider_d": 10.0, "rouge_l": 1.0, **{f"bleu_{order}": 1.0 for order in (1, 2, 3, 4)}}
    for name, value in best.items():
        assert found[name].value == pytest.approx(value, abs=1e-6)
        assert found[name].per_image == pytest.approx(np.full(3, value), abs=1e-6)
        assert (metric_of(name).higher_is_better, metric_of(name).unit) == (True, "")
    assert found["caption_length"].per_image.tolist() == [5, 6, 8]


def test_captions_of_other_images_are_worth_nothing(no_java: None) -> None:
    turned = {i: PERFECT[(i + 1) % 3] for i in PERFECT}
    found = caption_scores.scores(*caption_scores.tokenized(turned, {i: [text] for i, text in PERFECT.items()}))
    for name in ("cider_d", "rouge_l", "bleu_1", "bleu_4"):
        assert found[name].value == pytest.approx(0, abs=1e-6)


def test_an_empty_caption_has_zeros_and_spoils_no_other(no_java: None) -> None:
    said = PERFECT | {1: ""}
    found = caption_scores.scores(*caption_scores.tokenized(said, {i: [text] for i, text in PERFECT.items()}))
    for name in ("cider_d", "rouge_l", "bleu_1", "bleu_4", "caption_length"):
        assert found[name].per_image[1] == 0
        assert found[name].per_image[0] > 0.99
        assert math.isfinite(found[name].value)
    all_empty = caption_scores.tokenized(dict.fromkeys(PERFECT, "..."), {i: [text] for i, text in PERFECT.items()})
    assert all(scored.value == 0 for scored in caption_scores.scores(*all_empty).values())


def test_values_from_the_definitions() -> None:
    clipped = captions.bleu({0: ["the cat is on the mat", "there is a cat on the mat"]}, {0: ["the " * 6 + "the"]})
    assert clipped[0].value == pytest.approx(2 / 7)  # the example of the BLEU paper
    short = captions.bleu({0: ["a cat on the mat", "a cat that sits on my red mat"]}, {0: ["a cat"]})
    assert short[1].value == pytest.approx(math.exp(1 - 5 / 2))
    precision, recall = 2 / 4, 2 / 3
    expected = (1 + 1.2**2) * precision * recall / (recall + 1.2**2 * precision)
    assert captions.rouge_l({0: ["a c e"]}, {0: ["a b c d"]}).value == pytest.approx(expected)


def test_bleu_of_all_captions_is_not_the_mean_of_each() -> None:
    first = captions.bleu({0: ["a b c d"], 1: ["e f"]}, {0: ["a b c d"], 1: ["x y"]})[0]
    assert first.value == pytest.approx(4 / 6)
    assert first.per_image.mean() == pytest.approx(1 / 2)


def test_length_novelty_and_how_many_differ() -> None:
    said = ["a cat", "a dog", "a cat", "a cat"]
    assert captions.novelty(said, {"a cat", "a bird"}).per_image.tolist() == [0, 1, 0, 0]
    assert captions.novelty(said, {"a cat", "a bird"}).value == 0.25
    assert captions.distinct_captions(said).value == pytest.approx(2 / 4)
    assert captions.distinct_captions(said).per_image == pytest.approx([1 / 3, 1, 1 / 3, 1 / 3])
    assert captions.caption_length({0: ["a cat"], 1: [""]}).per_image.tolist() == [2, 0]
    for name in ("novelty", "distinct_captions", "caption_length"):
        assert metric_of(name).higher_is_better is None


# faults


@pytest.mark.parametrize(
    ("said", "references", "message"),
    [
        ({0: "a"}, {0: "a cat"}, "captions of image 0 are not a list of strings: 'a cat'"),
        ({0: "a"}, {0: []}, "captions of image 0 are not a list of strings"),
        ({0: "a"}, {0: ["a", None]}, "captions of image 0 are not a list of strings"),
        ({0: ["a"]}, {0: ["a"]}, r"caption of image 0 is not a string: \['a'\]"),
        ({0: "a", 2: "b"}, {0: ["a"], 4: ["b"]}, "not both: 2, the first is 2"),
    ],
)
def test_texts_of_the_wrong_kind_are_named(said, references, message: str) -> None:
    with pytest.raises(DataError, match=message):
        caption_scores.tokenized(said, references)


# words, with Java and without


@needs_java
def test_both_tokenizers_give_the_same_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert caption_words.tokenizer_name() == "ptb"
    by_java = caption_words.tokenize([*SAME, *DIFFERENT])
    monkeypatch.setenv("PATH", str(tmp_path))
    assert caption_words.tokenizer_name() == "python"
    assert caption_words.tokenize(SAME) == by_java[: len(SAME)]
    for ours, java in zip(caption_words.tokenize(DIFFERENT), by_java[len(SAME) :], strict=True):
        assert ours != java  # as the docstring says


def test_words_without_java(no_java: None) -> None:
    assert caption_words.tokenize(["A dog's ball (red), isn't it?", "", "–"]) == [
        "a dog 's ball -lrb- red -rrb- is n't it", "", "",
    ]  # fmt: skip


@needs_java
def test_line_breaks_and_broken_characters_do_not_shift_captions() -> None:
    texts = ["a\nb", "c\r\n\r\nd", "", "e\u2028f\x85g", "\ud800", "h"]
    assert [words for i, words in enumerate(caption_words.tokenize(texts)) if i != 4] == [
        "a b",
        "c d",
        "",
        "e f g",
        "h",
    ]


def test_without_java_its_metrics_are_skipped(no_java: None) -> None:
    found, skipped = caption_scores.java_scores({0: ["a cat"]}, {0: ["a cat"]})
    assert not found
    assert set(skipped) == {"meteor", "spice"}
    assert all("apt-get install default-jre-headless" in why for why in skipped.values())
    assert caption_scores.protocol()["tokenizer"] == "python"


def test_a_java_that_does_not_run_counts_as_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_java(tmp_path, monkeypatch, "echo 'no Java runtime present' >&2; exit 1")
    assert caption_words.tokenizer_name() == "python"
    with pytest.raises(DataError, match="does not run"):
        caption_words.java_version()


@pytest.mark.parametrize(("said", "version"), [("1.8.0_392", 8), ("11.0.2", 11), ("21", 21)])
def test_versions_of_java(said: str, version: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_java(tmp_path, monkeypatch, version_only(said))
    assert caption_words.java_version() == version


def test_a_java_that_fails_later_is_an_error_and_nothing_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_java(tmp_path, monkeypatch, version_only("17.0.1"))
    with pytest.raises(DataError, match="returned 0 of 1 captions"):
        caption_words.tokenize(["a cat"])
    _, skipped = caption_scores.java_scores({0: ["a cat"]}, {0: ["a cat"]})
    assert "Java program failed" in skipped["meteor"]


def test_spice_is_not_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*words: object, **more: object) -> None:
        raise AssertionError("a download was started")

    monkeypatch.setattr("pycocoevalcap.spice.get_stanford_models.urlretrieve", refuse)
    monkeypatch.setattr(captions, "CORENLP", ("not-there.jar",))
    fake_java(tmp_path, monkeypatch, version_only("11.0.2"))
    with pytest.raises(
        DataError, match=r"^CoreNLP 3.6.0 is missing; python -m pycocoevalcap.spice.get_stanford_models$"
    ):
        captions.spice({0: ["a cat"]}, {0: ["a cat"]})
    fake_java(tmp_path, monkeypatch, version_only("17.0.1"))
    captions_of_17 = r"is missing; python .*; and it fails on Java 17; put a Java 8 to 15 first in PATH"
    caption_words._version.cache_clear()
    with pytest.raises(DataError, match=captions_of_17):
        captions.spice({0: ["a cat"]}, {0: ["a cat"]})
