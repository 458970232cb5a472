from __future__ import annotations

import pytest

from bench.metrics.vqa_accuracy import normalise, vqa_accuracy
from bench.metrics.vqa_words import CONTRACTIONS
from bench.registry import metric_of


@pytest.mark.parametrize(
    ("matches", "expected"), [(0, 0), (1, 0.3), (2, 0.6), (3, 0.9), (4, 1), (5, 1), (9, 1), (10, 1)]
)
def test_agreement_with_ten_annotators(matches: int, expected: float) -> None:
    """With m matches, m annotators leave out a match and see min(1, (m - 1) / 3), the others min(1, m / 3)."""
    annotators = ["cat"] * matches + ["dog"] * (10 - matches)
    assert vqa_accuracy("cat", annotators) == pytest.approx(expected)


def test_the_order_of_the_annotators_does_not_count() -> None:
    assert vqa_accuracy("cat", ["dog", "cat"] * 5) == vqa_accuracy("cat", ["cat"] * 5 + ["dog"] * 5) == 1


def test_one_annotator_has_no_others() -> None:
    assert vqa_accuracy("cat", ["cat"]) == 0
    with pytest.raises(ValueError, match="without annotators"):
        vqa_accuracy("cat", [])


@pytest.mark.parametrize(
    ("answer", "annotators", "expected"),
    [
        ("The cat", ["the cat"] * 10, 0),  # all the same: compared as they are
        ("the cat", ["the cat"] * 10, 1),
        ("two", ["2"] * 10, 0),
        ("two", ["2"] * 9 + ["3"], 1),  # not all the same: normalised
        ("The cat.", ["cat"] * 4 + ["dog"] * 6, 1),
        ("\tcat\n", ["cat"] * 10, 1),  # white space is trimmed in any case
        ("hot\ndog", ["hot dog"] * 10, 1),  # and a line break is a space
        ("cat", [" cat", "cat "] * 5, 1),  # trimmed before it is asked whether all are the same
        ("Cat", [" cat", "cat "] * 5, 0),
        ("cat", ["Cat"] + ["cat"] * 9, 1),
    ],
)
def test_when_answers_are_normalised(answer: str, annotators: list[str], expected: float) -> None:
    assert vqa_accuracy(answer, annotators) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("Red", "red"),  # lower case
        ("red/blue", "red blue"),  # a mark becomes a space
        ("red/ blue", "red blue"),  # it goes where it touches a space
        ("red/blue /green", "redblue green"),  # and then in every place
        ("t-shirt, blue-green", "t shirt blue green"),  # each mark is looked at by itself
        ("1,000", "1000"),  # a comma in a number is deleted
        ("1,000 t-shirts", "1000 tshirts"),  # and every other mark with it
        ("yes,no", "yes no"),
        ("what?", "what"),
        ('{(a)}[b];"c"=+\\_><@`!d', "b c d"),  # all marks; the article goes
        ("5:30", "5:30"),  # a colon is no mark
        ("cat's", "cat's"),  # neither is an apostrophe
        ("100%", "100%"),
        ("st. louis", "st louis"),  # a period goes
        ("3.5", "3.5"),  # unless a digit follows
        ("3.", "3"),
        (".5", ".5"),
        ("a.5", "a.5"),  # whatever stands before it
        ("u.s.", "us"),
        ("x." * 40, "x" * 32 + "x." * 8),  # 32 of them at most
        ("None", "0"),  # number words
        ("zero", "0"),
        ("ten", "10"),
        ("eleven", "eleven"),
        ("twenty-one", "twenty 1"),
        ("The one", "1"),  # articles go
        ("an apple and a pear", "apple and pear"),
        ("a", ""),
        ("dont", "don't"),  # contractions
        ("Im", "im"),  # theirs is spelled "Im" and words are in lower case
        ("couldnt've", "couldn't've"),
        ("couldn'tve", "couldn't've"),
        ("couldntve", "couldntve"),  # two apostrophes are too many
        ("somebody'd", "somebodyd"),  # the wrong way round
        ("yalld've", "yalld've"),
        ("  two   words ", "2 words"),
    ],
)
def test_rules_of_normalisation(answer: str, expected: str) -> None:
    assert normalise(answer) == expected


def test_contractions_are_those_of_the_official_table() -> None:
    """Theirs has 120: these, four that start with a capital I, and "let's" and "she's", which stay as they are."""
    assert len(CONTRACTIONS) == 120 - 4 - 2
    assert not [spelling for spelling, word in CONTRACTIONS.items() if spelling == word or word in CONTRACTIONS]


def test_it_is_a_metric() -> None:
    metric = metric_of("vqa_accuracy@validation")
    assert (metric.higher_is_better, metric.unit) == (True, "")
