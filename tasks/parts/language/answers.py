"""How answers to the questions of a split are scored."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.contracts.data import Split
from bench.contracts.metric import MetricName
from bench.contracts.result import TaskResult
from bench.errors import DataError
from bench.metrics.classification import accuracy, by_kind
from bench.metrics.vqa_accuracy import vqa_accuracy
from bench.metrics.wups import THRESHOLDS, answer_similarity, wups


def skip_answers(result: TaskResult, split: Split) -> None:
    """Say that a split without questions has nothing to measure."""
    names = ("accuracy",) if split.variant else ("accuracy", *(f"wups_{threshold}" for threshold in THRESHOLDS))
    for name in names:
        result.skip(str(MetricName(name, variant=split.variant)), f"the {split.name} split has no questions")


def score_answers(result: TaskResult, split: Split, answers: Sequence[str]) -> None:
    """Add the scores of answers to a split's questions, in their order.

    Accuracy always, VQA accuracy where every question has annotators' answers. Of the test split also the accuracy of
    each kind of question, and WUPS, which is skipped without WordNet.
    """
    questions, variant = split.questions, split.variant
    images = np.array([question.image for question in questions])
    truth = [question.answer for question in questions]
    correct = accuracy(np.array(answers, object), np.array(truth, object))
    result.add("accuracy", correct, variant=variant, images=images)
    if all(question.answers for question in questions):
        agreement = [
            vqa_accuracy(answer, question.answers) for answer, question in zip(answers, questions, strict=True)
        ]
        result.add("vqa_accuracy", np.array(agreement), variant=variant, images=images)
    if variant:
        return
    for kind, rows in by_kind([question.kind for question in questions]).items():
        result.add("accuracy", correct[rows], part=kind, images=images[rows])
    try:
        similarity = answer_similarity(answers, truth)
    except DataError as error:
        for threshold in THRESHOLDS:
            result.skip(f"wups_{threshold}", str(error))
        return
    for threshold in THRESHOLDS:
        result.add("wups", wups(similarity, threshold), source=str(threshold), images=images)
