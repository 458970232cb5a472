"""Accuracy of the VQA v2 challenge, with the quirks of its official evaluation."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bench.metrics.vqa_words import ARTICLES, CONTRACTIONS, NUMBERS

ENOUGH = 3
PUNCTUATION = ';/[]"{}()=+\\_-><@`,?!'
COMMA_IN_NUMBER = re.compile(r"[0-9],[0-9]")
PERIOD = re.compile(r"\.(?![0-9])")
MOST_PERIODS = 32
"""The official code hands a flag to `sub` where the count belongs; as a number the flag is 32."""

PROTOCOL = {
    "vqa_accuracy": f"as evaluated officially, where every question has several annotators' answers: min(1, matches / "
    f"{ENOUGH}) among all annotators but one, averaged over that one; answers are normalised unless all are the same"
}


def vqa_accuracy(answer: str, annotators: Sequence[str]) -> float:
    """Agreement of an answer with the annotators' ones (Antol et al. 2015), from 0 to 1.

    Each annotator is left out in turn, min(1, matches / 3) taken among the others, and the mean of these returned: of
    ten annotators 1, 2, 3 and 4 that match give 0.3, 0.6, 0.9 and 1. Where all annotators say the same, their answer
    and the one given are compared as they are, capitals, articles and all.

    Raises:
        ValueError: nobody answered.
    """
    if not annotators:
        raise ValueError("a question without annotators' answers")
    answer, others = _one_line(answer), [_one_line(other) for other in annotators]
    if len(set(others)) > 1:
        answer, others = normalise(answer), [normalise(other) for other in others]
    matches = others.count(answer)
    left_out = [min(1.0, (matches - (other == answer)) / ENOUGH) for other in others]
    return sum(left_out) / len(left_out)


def normalise(answer: str) -> str:
    """An answer as the official evaluation compares it: punctuation first, then words in lower case."""
    words = [NUMBERS.get(word, word) for word in _without_punctuation(answer).lower().split()]
    return " ".join(CONTRACTIONS.get(word, word) for word in words if word not in ARTICLES)


def _one_line(answer: str) -> str:
    return answer.replace("\n", " ").replace("\t", " ").strip()


def _without_punctuation(answer: str) -> str:
    """A mark goes if it touches a space anywhere, or if there is a comma in a number; else it becomes a space.

    A period goes unless a digit follows it. The official pattern means to ask for the digit before it as well, but is
    malformed there and asks for nothing.
    """
    text = answer
    for mark in PUNCTUATION:
        touches = f"{mark} " in answer or f" {mark}" in answer or COMMA_IN_NUMBER.search(answer)
        text = text.replace(mark, "" if touches else " ")
    return PERIOD.sub("", text, count=MOST_PERIODS)
