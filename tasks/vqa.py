"""Visual question answering over frozen codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.contracts.codes import Codes
from bench.contracts.data import DataSet, Split
from bench.contracts.method import Method
from bench.contracts.result import TaskResult
from bench.images import grid_png
from bench.metrics import vqa_accuracy, wups
from bench.presets import Budget
from bench.registry import tasks
from tasks.parts.language.answers import score_answers
from tasks.parts.language.questions import OUTSIDE, Asked
from tasks.parts.language.vocabulary import END, PADDING, Vocabulary
from tasks.parts.networks import head
from tasks.parts.networks.transformer import Transformer

WORDS = 24
PER_IMAGE = 16
SCORING_BATCH = 250
SHOWN = 16


@tasks.register("vqa", needs=("questions",), metrics=("accuracy", "vqa_accuracy", "wups"), blind="question only")
class VisualQuestionAnswering:
    """Answers to questions from the codes: a transformer reads both, its last hidden state picks an answer.

    As in LG-VQ (arXiv 2405.14206, App. A.1), except that the question attends to an encoding of the codes instead of
    following them in one sequence, so that an image is encoded once for all its questions.
    """

    def protocol(self) -> Mapping[str, object]:
        """What determines the values besides the method."""
        return {
            "version": 2,
            "score": "exact match with the answer; an answer never seen in training counts as wrong",
            "words": f"plain vocabulary of the training questions, cut to {WORDS - 1} words",
            "questions": f"all of an image, at most {PER_IMAGE} drawn in a training step",
            **vqa_accuracy.PROTOCOL,
            **wups.protocol(),
            **head.PROTOCOL,
        }

    def skip(self, dataset: DataSet, method: Method | None) -> str | None:  # noqa: ARG002 - part of the contract
        """Every method has code vectors, so nothing is left out."""
        return None

    def run(
        self,
        codes: Mapping[str, Codes] | None,
        dataset: Mapping[str, Split],
        budget: Budget,
        seed: int,
        device: torch.device,
    ) -> TaskResult:
        """See `bench.contracts.Task`; `codes` None is the same network without its image part.

        Raises:
            TrainingDiverged: the head's loss is not finite.
        """
        questions = dataset["train"].questions
        vocabulary = Vocabulary(question.text for question in questions)
        answers = sorted({question.answer for question in questions})
        training = None if codes is None else codes["train"]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = Answerer(len(vocabulary), len(answers), budget, training).to(device)
        _fit(model, Asked.of(questions, vocabulary, answers, WORDS), training, budget, seed, device)

        result = TaskResult(metrics={})
        for name, split in dataset.items():
            if name == "train":
                continue
            asked = Asked.of(split.questions, vocabulary, answers, WORDS)
            predicted = _predict(model, asked, None if codes is None else codes[name], device)
            suffix = "" if name == "test" else f"@{name.removeprefix('test-')}"
            score_answers(result, suffix, split.questions, [answers[number] for number in predicted])
            if name == "test":
                result.samples = _samples(split, answers, predicted)
        return result


class Answerer(nn.Module):
    """Logits over answers from an image's codes and a question; without codes, from the question alone."""

    def __init__(self, words: int, answers: int, budget: Budget, training: Codes | None) -> None:
        super().__init__()
        width, layers = budget.width, budget.layers
        self.words = nn.Embedding(words, width, padding_idx=PADDING)
        self.question = Transformer(width, layers, WORDS, cross=training is not None)
        self.answer = nn.Linear(width, answers)
        if training is not None:
            self.reader = head.CodeReader(training, width)
            self.image = Transformer(width, layers, training.grid[0] * training.grid[1])

    def forward(self, ids: Tensor, vectors: Tensor | None) -> Tensor:
        """Question ids [B * n, L] and code vectors [B, T, D], n questions an image, to logits [B * n, answers]."""
        context = None if vectors is None else self.image(self.reader(vectors))
        hidden = self.question(self.words(ids), ids != PADDING, context)
        last = hidden[torch.arange(len(ids), device=ids.device), (ids == END).int().argmax(1)]
        logits: Tensor = self.answer(last)
        return logits


def _logits(
    model: Answerer, asked: Asked, rows: np.ndarray, numbers: np.ndarray, codes: Codes | None, device: torch.device
) -> Tensor:
    """[B * n, answers] of the questions [B, n] of asked.images[rows]; where no question stands, anything."""
    ids = asked.ids[numbers.reshape(-1)]
    longest = int((ids != PADDING).sum(1).max())
    vectors = None if codes is None else codes.vectors(asked.images[rows], device)
    logits: Tensor = model(torch.from_numpy(ids[:, :longest]).to(device), vectors)
    return logits


def _fit(
    model: Answerer, asked: Asked, codes: Codes | None, budget: Budget, seed: int, device: torch.device
) -> None:
    draw = np.random.default_rng([seed, 0])
    rows_left = np.empty(0, np.int64)

    def loss() -> Tensor:
        nonlocal rows_left
        while len(rows_left) < budget.batch_size:
            rows_left = np.concatenate([rows_left, draw.permutation(len(asked.images))])
        rows, rows_left = rows_left[: budget.batch_size], rows_left[budget.batch_size :]
        numbers = asked.of_images(rows, PER_IMAGE, draw)
        logits = _logits(model, asked, rows, numbers, codes, device)
        wanted = np.where(numbers == OUTSIDE, OUTSIDE, asked.answers[numbers]).reshape(-1)
        return F.cross_entropy(logits.float(), torch.from_numpy(wanted).to(device), ignore_index=OUTSIDE)

    head.fit(model, loss, budget, device)


def _predict(model: Answerer, asked: Asked, codes: Codes | None, device: torch.device) -> np.ndarray:
    """Answer classes int64 [Q], in the order of the split's list of questions."""
    predicted = np.empty(len(asked.order), np.int64)
    for start in range(0, len(asked.images), SCORING_BATCH):
        rows = np.arange(start, min(start + SCORING_BATCH, len(asked.images)))
        numbers = asked.of_images(rows)
        with torch.inference_mode(), head.autocast(device):
            best = _logits(model, asked, rows, numbers, codes, device).argmax(1).cpu().numpy()
        there = numbers.reshape(-1) != OUTSIDE
        predicted[asked.order[numbers.reshape(-1)[there]]] = best[there]
    return predicted


def _samples(split: Split, answers: Sequence[str], predicted: np.ndarray) -> dict[str, bytes | str]:
    """Evenly spaced questions with their answers, and the images they are about, row by row."""
    shown = np.linspace(0, len(split.questions) - 1, min(SHOWN, len(split.questions))).astype(int)
    lines = ["| image | question | answer | prediction |", "|--:|---|---|---|"]
    for number, row in enumerate(shown, 1):
        question = split.questions[row]
        lines.append(f"| {number} | {question.text} | {question.answer} | {answers[predicted[row]]} |")
    images = np.stack([split.images[split.questions[row].image] for row in shown])
    return {"questions.md": "\n".join(lines) + "\n", "images.png": grid_png(images, columns=4, scale=3)}
