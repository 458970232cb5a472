"""A linear classifier of whole images on the mean of their code vectors."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from bench.contracts.codes import Codes
from bench.contracts.data import DataSet, Question, Split
from bench.contracts.method import Method
from bench.contracts.result import Score, TaskResult
from bench.errors import DataError
from bench.metrics.classification import accuracy, by_kind
from bench.presets import Budget
from bench.registry import tasks

SHARE = 0.2
STRENGTHS = (1.0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5)
"""From the strongest on: of equally good ones the first is taken."""
ITERATIONS = 300
BATCH = 256


@tasks.register("linear-probe", needs=("questions",), metrics=("accuracy",), blind="most frequent class")
class LinearProbe:
    """Classes of whole images by logistic regression on the mean code vector: what is in the codes linearly, anywhere.

    The mean forgets places, on purpose: what only a network that compares places can find does not count here. The
    classes are the answers to the data set's questions about the whole image (see the protocol).
    """

    def protocol(self) -> Mapping[str, object]:
        """What determines the values besides the method."""
        return {
            "version": 1,
            "score": "top-1 over all images and kinds of question; an answer never seen in training counts as wrong",
            "classes": f"answers, by kind, to the questions whose text makes up {SHARE:.0%} or more of the training "
            "questions of their kind; kinds in which a training image then has two answers, or all the same, are out",
            "codes": "mean over the positions, standardised over the training images",
            "classifier": f"multinomial logistic regression in float64: mean cross-entropy + strength / 2 * squared "
            f"weights, at most {ITERATIONS} steps of L-BFGS from zero",
            "strengths": list(STRENGTHS),
            "selection": "strength of the best accuracy on validation, for each kind; of equal ones the strongest",
        }

    def skip(self, dataset: DataSet, method: Method | None) -> str | None:  # noqa: ARG002 - part of the contract
        """Every method has code vectors, so nothing is left out."""
        return None

    def run(
        self,
        codes: Mapping[str, Codes] | None,
        dataset: Mapping[str, Split],
        budget: Budget,  # noqa: ARG002 - the classifier is fitted until it is done
        seed: int,  # noqa: ARG002 - nothing is drawn
        device: torch.device,
    ) -> TaskResult:
        """See `bench.contracts.Task`; codes None is the most frequent class of each kind.

        Raises:
            DataError: training images have classes of a kind, and none of another split's has.
        """
        texts = whole_image_texts(dataset["train"].questions)
        if not texts:
            return TaskResult({}, skipped={"accuracy": "none of the questions is about the whole image"})
        labels = {name: image_labels(split.questions, texts) for name, split in dataset.items()}
        means = None if codes is None else _standardised_means(codes, device)
        result = TaskResult(metrics={})
        predicted: dict[str, list[np.ndarray]] = defaultdict(list)
        lines = ["| kind | class | test images | right | strength |", "|---|---|--:|--:|--:|"]
        for kind in texts:
            classes = sorted(set(labels["train"][kind].answers))
            strength, answers = _answers(means, {name: found[kind] for name, found in labels.items()}, classes)
            for name, answered in answers.items():
                predicted[name].append(answered)
            lines += _table(kind, labels["test"][kind].answers, answers["test"], strength)
        for name, found in predicted.items():
            _score(result, "" if name == "test" else f"@{name.removeprefix('test-')}", labels[name], found)
        result.samples["classes.md"] = "\n".join(lines) + "\n"
        return result


class Labels(NamedTuple):
    """The classes of some images. images: their numbers int64 [N]. answers: str [N]."""

    images: np.ndarray
    answers: np.ndarray


def whole_image_texts(questions: Sequence[Question]) -> dict[str, set[str]]:
    """Kind of question to those of its texts that ask about the whole image, as the protocol says; kinds sorted.

    A question about the whole image names nothing that only some images hold, and so it is asked again and again.
    """
    found = {}
    for kind, rows in by_kind([question.kind for question in questions]).items():
        asked = Counter(questions[row].text for row in rows)
        texts = {text for text, count in asked.items() if count >= SHARE * len(rows)}
        answers = {(questions[row].image, questions[row].answer) for row in rows if questions[row].text in texts}
        one_each = len({image for image, _ in answers}) == len(answers)
        if one_each and len({answer for _, answer in answers}) > 1:
            found[kind] = texts
    return found


def image_labels(questions: Sequence[Question], texts: Mapping[str, set[str]]) -> dict[str, Labels]:
    """Each kind's labelled images of a split, by number; where an image has several answers the first counts.

    Raises:
        DataError: no image has a class of some kind.
    """
    found: dict[str, dict[int, str]] = {kind: {} for kind in texts}
    for question in questions:
        if question.text in texts.get(question.kind, ()):
            found[question.kind].setdefault(question.image, question.answer)
    missing = [kind for kind, own in found.items() if not own]
    if missing:
        raise DataError(f"a split of the data set has no question about a whole image of kind {missing[0]!r}")
    return {
        kind: Labels(np.array(sorted(own), np.int64), np.array([own[image] for image in sorted(own)], object))
        for kind, own in found.items()
    }


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
    means: Mapping[str, Tensor] | None, labels: Mapping[str, Labels], classes: list[str]
) -> tuple[float | None, dict[str, np.ndarray]]:
    """The strength chosen on "validation", if any, and the answers for every split but "train"."""
    scored = {name: found for name, found in labels.items() if name != "train"}
    if means is None:
        common = Counter(sorted(labels["train"].answers)).most_common(1)[0][0]
        return None, {name: np.full(len(found.images), common, object) for name, found in scored.items()}
    number = {answer: i for i, answer in enumerate(classes)}
    wanted = torch.tensor([number[answer] for answer in labels["train"].answers])
    best: tuple[float, float, dict[str, np.ndarray]] | None = None
    for strength in STRENGTHS:
        weights = fit_logistic_regression(means["train"][labels["train"].images], wanted, len(classes), strength)
        answers = {
            name: np.array(classes, object)[(means[name][found.images] @ weights[:-1] + weights[-1]).argmax(1)]
            for name, found in scored.items()
        }
        reached = float(accuracy(answers["validation"], labels["validation"].answers).sum())
        if best is None or reached > best[0]:
            best = reached, strength, answers
    assert best is not None
    return best[1:]


def _standardised_means(codes: Mapping[str, Codes], device: torch.device) -> dict[str, Tensor]:
    """Mean code vector of each image of each split, float64 [N, D]; a dimension that never varies becomes zero."""
    found = {}
    for name, own in codes.items():
        rows = np.array_split(np.arange(len(own)), -(-len(own) // BATCH))
        found[name] = torch.cat([own.vectors(some, device).double().mean(1).cpu() for some in rows])
    mean, deviation = found["train"].mean(0), found["train"].std(0, correction=0)
    varies = deviation > 1e-6 * found["train"].abs().max()
    return {name: torch.where(varies, (own - mean) / deviation, 0.0) for name, own in found.items()}


def _score(result: TaskResult, suffix: str, labels: Mapping[str, Labels], predicted: list[np.ndarray]) -> None:
    """Add the accuracy over all kinds, and of the test split that of each kind."""
    correct = [accuracy(found, own.answers) for found, own in zip(predicted, labels.values(), strict=True)]
    images = [own.images for own in labels.values()]
    parts = {suffix: (np.concatenate(correct), np.concatenate(images))}
    if suffix == "":
        parts |= {f"/{kind}": part for kind, part in zip(labels, zip(correct, images, strict=True), strict=True)}
    for part, (scores, image) in parts.items():
        result.per_example |= {f"accuracy{part}": scores, f"image{part}": image}
        result.metrics[f"accuracy{part}"] = Score(float(scores.mean(dtype=np.float64)), len(scores))


def _table(kind: str, answers: np.ndarray, predicted: np.ndarray, strength: float | None) -> list[str]:
    """One line for each class of a kind."""
    shown = "" if strength is None else f"{strength:g}"
    return [
        f"| {kind} | {answer} | {len(rows)} | {np.mean(predicted[rows] == answer):.3f} | {shown} |"
        for answer, rows in by_kind(answers.tolist()).items()
    ]
