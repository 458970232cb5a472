"""Scores of answers to questions, each with its vector over the questions and their images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.contracts.data import Question
from bench.contracts.result import Score, TaskResult
from bench.errors import DataError
from bench.metrics.classification import accuracy, by_kind
from bench.metrics.vqa_accuracy import vqa_accuracy
from bench.metrics.wups import THRESHOLDS, answer_similarity, wups


def score_answers(result: TaskResult, suffix: str, questions: Sequence[Question], answers: Sequence[str]) -> None:
    """Add the scores of a split's answers, one a question, under names that end with `suffix`.

    Accuracy always, VQA accuracy where every question has annotators' answers. Of the test split (suffix "") also the
    accuracy of each kind of question, and WUPS, which is skipped without WordNet.
    """
    truth = [question.answer for question in questions]
    image = np.array([question.image for question in questions])
    correct = accuracy(np.array(answers, object), np.array(truth, object))
    found = {"accuracy": correct}
    if all(question.answers for question in questions):
        agreement = [
            vqa_accuracy(answer, question.answers) for answer, question in zip(answers, questions, strict=True)
        ]
        found["vqa_accuracy"] = np.array(agreement)
    if suffix == "":
        for kind, rows in by_kind([question.kind for question in questions]).items():
            found[f"accuracy/{kind}"] = correct[rows]
            result.per_example[f"image/{kind}"] = image[rows]
        names = {f"wups_{threshold}": threshold for threshold in THRESHOLDS}
        try:
            similarity = answer_similarity(answers, truth)
            found |= {name: wups(similarity, threshold) for name, threshold in names.items()}
        except DataError as error:
            result.skipped |= dict.fromkeys(names, str(error))
    result.per_example[f"image{suffix}"] = image
    for name, scores in found.items():
        result.per_example[name + suffix] = scores
        result.metrics[name + suffix] = Score(float(scores.mean(dtype=np.float64)), len(scores))
