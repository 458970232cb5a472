"""A linear classifier of whole images on the mean of their code vectors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from typing_extensions import override

from bench.contracts.codes import Codes
from bench.contracts.result import TaskResult
from bench.contracts.task import Task, Work
from bench.metrics.classification import accuracy, by_kind
from bench.registry import tasks
from bench.tasks.parts.language import whole_image
from bench.tasks.parts.language.whole_image import Labels, image_labels, whole_image_texts
from bench.tasks.parts.samples import markdown_table

STRENGTHS = (1.0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5)
"""From the strongest on: of equally good ones the first is taken."""
ITERATIONS = 300
BATCH = 256
COLUMNS = ("kind", "class", "test images", "right", "strength")


@tasks.register("linear-probe", needs=("questions",), metrics=("accuracy",), blind="most frequent class")
@dataclass(frozen=True)
class LinearProbe(Task):
    """Classes of whole images by logistic regression on the mean code vector: what is in the codes linearly, anywhere.

    The mean forgets places, on purpose: what only a network that compares places can find does not count here. The
    classes are the answers to the data set's questions about the whole image (see the protocol). The blind baseline
    is the most frequent class of each kind.
    """

    @override
    def protocol(self) -> Mapping[str, object]:
        return {
            "version": 1,
            "score": "top-1 over all images and kinds of question; an answer never seen in training counts as wrong",
            **whole_image.PROTOCOL,
            "codes": "mean over the positions, standardised over the training images",
            "classifier": f"multinomial logistic regression in float64: mean cross-entropy + strength / 2 * squared "
            f"weights, at most {ITERATIONS} steps of L-BFGS from zero",
            "strengths": list(STRENGTHS),
            "selection": "strength of the best accuracy on validation, for each kind; of equal ones the strongest",
        }

    @override
    def run(self, work: Work) -> TaskResult:
        """The classifier is fitted until it is done, whatever the budget, and nothing is drawn.

        A kind of question that a split does not have is left out.
        """
        result = TaskResult()
        texts = whole_image_texts(work.dataset["train"].questions)
        labels = {name: image_labels(split.questions, texts) for name, split in work.dataset.items()}
        kinds = []
        for kind in texts:
            lacking = [name for name, own in labels.items() if not len(own[kind].images)]
            if lacking:
                result.skip(f"accuracy/{kind}", f"the {lacking[0]} split has no such question about a whole image")
            else:
                kinds.append(kind)
        if not kinds:
            why = "no kind of question about the whole image is in every split"
            result.skip("accuracy", why if texts else "the train split has no question about the whole image")
            return result
        labels = {name: {kind: own[kind] for kind in kinds} for name, own in labels.items()}
        means = None if work.codes is None else _standardised_means(work.codes, work.device)
        predicted: dict[str, dict[str, np.ndarray]] = {name: {} for name in labels if name != "train"}
        lines: list[tuple[object, ...]] = []
        for kind in kinds:
            strength, answers = _answers(means, {name: own[kind] for name, own in labels.items()})
            for name, answered in answers.items():
                predicted[name][kind] = answered
            lines += _lines(kind, labels["test"][kind].answers, answers["test"], strength)
        for name, of_kinds in predicted.items():
            _score(result, work.dataset[name].variant, labels[name], of_kinds)
        result.samples["classes.md"] = markdown_table(COLUMNS, lines, numbers=COLUMNS[2:])
        return result


def fit_logistic_regression(vectors: Tensor, classes: Tensor, number: int, strength: float) -> Tensor:
    """Weights [D + 1, number], the last row the offsets, that minimise what the protocol says.

    Args:
        vectors: float64 [N, D]. classes: int64 [N] in [0, number). strength: of the penalty, which spares the offsets.
    """
    weights = torch.zeros(vectors.shape[1] + 1, number, dtype=vectors.dtype, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=ITERATIONS, history_size=20, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        penalty = strength / 2 * weights[:-1].square().sum()
        value = F.cross_entropy(vectors @ weights[:-1] + weights[-1], classes) + penalty
        value.backward()
        return value

    optimizer.step(loss)
    return weights.detach()


def _answers(
    means: Mapping[str, Tensor] | None, labels: Mapping[str, Labels]
) -> tuple[float | None, dict[str, np.ndarray]]:
    """The strength chosen on "validation", if any, and the answers for every split but "train"."""
    scored = {name: of_split for name, of_split in labels.items() if name != "train"}
    if means is None:
        common = Counter(sorted(labels["train"].answers)).most_common(1)[0][0]
        return None, {name: np.full(len(of_split.images), common, object) for name, of_split in scored.items()}
    classes = sorted(set(labels["train"].answers))
    number = {answer: i for i, answer in enumerate(classes)}
    wanted = torch.tensor([number[answer] for answer in labels["train"].answers])
    best: tuple[float, float, dict[str, np.ndarray]] | None = None
    for strength in STRENGTHS:
        weights = fit_logistic_regression(means["train"][labels["train"].images], wanted, len(classes), strength)
        answers = {}
        for name, of_split in scored.items():
            logits = means[name][of_split.images] @ weights[:-1] + weights[-1]
            answers[name] = np.array(classes, object)[logits.argmax(1).numpy()]
        reached = float(accuracy(answers["validation"], labels["validation"].answers).sum())
        if best is None or reached > best[0]:
            best = reached, strength, answers
    assert best is not None
    return best[1:]


def _standardised_means(codes: Mapping[str, Codes], device: torch.device) -> dict[str, Tensor]:
    """Mean code vector of each image of each split, float64 [N, D]; a dimension that never varies becomes zero."""
    means = {}
    for name, of_split in codes.items():
        batches = np.array_split(np.arange(len(of_split)), -(-len(of_split) // BATCH))
        means[name] = torch.cat([of_split.vectors(rows, device).double().mean(1).cpu() for rows in batches])
    mean, deviation = means["train"].mean(0), means["train"].std(0, correction=0)
    varies = deviation > 1e-6 * means["train"].abs().max()
    return {name: torch.where(varies, (vectors - mean) / deviation, 0.0) for name, vectors in means.items()}


def _score(result: TaskResult, variant: str, labels: Mapping[str, Labels], predicted: Mapping[str, np.ndarray]) -> None:
    """Add the accuracy over all kinds, and of the test split that of each kind; labels and predictions are by kind."""
    correct = {kind: accuracy(predicted[kind], true.answers) for kind, true in labels.items()}
    images = np.concatenate([true.images for true in labels.values()])
    result.add("accuracy", np.concatenate(list(correct.values())), variant=variant, images=images)
    if not variant:
        for kind, scores in correct.items():
            result.add("accuracy", scores, part=kind, images=labels[kind].images)


def _lines(kind: str, answers: np.ndarray, predicted: np.ndarray, strength: float | None) -> list[tuple[object, ...]]:
    """A line of the table for each class of a kind."""
    shown = "" if strength is None else f"{strength:g}"
    return [
        (kind, answer, len(rows), f"{np.mean(predicted[rows] == answer):.3f}", shown)
        for answer, rows in by_kind(answers.tolist()).items()
    ]
