"""Visual question answering over frozen codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from typing_extensions import override

from bench.contracts.data import Split
from bench.contracts.metric import Metric
from bench.contracts.result import TaskResult
from bench.contracts.task import Task, Work
from bench.errors import DataError
from bench.images import grid_png
from bench.metrics import vqa_accuracy, wups
from bench.registry import tasks
from bench.system import streams
from bench.tasks.parts.image_controls import own_vectors
from bench.tasks.parts.language.answers import score_answers, skip_answers
from bench.tasks.parts.language.questions import OUTSIDE, QuestionIndex
from bench.tasks.parts.language.random_box import PROTOCOL as RANDOM_BOX
from bench.tasks.parts.language.random_box import random_box
from bench.tasks.parts.language.vocabulary import Vocabulary
from bench.tasks.parts.networks import head, question_head
from bench.tasks.parts.networks.answerer import WORDS, Answerer
from bench.tasks.parts.samples import evenly_spaced, markdown_table


@tasks.register(
    "vqa",
    needs=("questions",),
    metrics=(
        "accuracy",
        Metric(
            "vqa_accuracy",
            higher_is_better=True,
            about="Agreement with the annotators (Antol et al. 2015), as VQA v2 evaluates it.",
        ),
        Metric(
            "wups",
            higher_is_better=True,
            about="Nearness of answers in WordNet (Malinowski and Fritz 2014), a tenth of it below the threshold.",
        ),
    ),
    blind="question only",
)
@dataclass(frozen=True)
class VisualQuestionAnswering(Task):
    """Answers to questions from the codes: a transformer reads both, its last hidden state picks an answer.

    As in LG-VQ (arXiv 2405.14206, App. A.1), except that the question attends to an encoding of the codes instead of
    following them in one sequence, so that an image is encoded once for all its questions. The blind baseline is the
    same network without its image part. Beside it stands, where questions name boxes, what knowing all places without
    knowing what is where would give ("random-box").
    """

    @override
    def protocol(self) -> Mapping[str, object]:
        return {
            "version": 3,
            "score": "exact match with the answer; an answer never seen in training counts as wrong",
            "words": f"plain vocabulary of the training questions, cut to {WORDS - 1} words",
            "questions": f"all of an image, at most {question_head.PER_IMAGE} drawn in a training step",
            "random-box": RANDOM_BOX,
            **vqa_accuracy.PROTOCOL,
            **wups.protocol(),
            **head.PROTOCOL,
        }

    @override
    def run(self, work: Work) -> TaskResult:
        """See `bench.contracts.task.Task`.

        Raises:
            DataError: the training split has no questions.
            TrainingDiverged: the head's loss is not finite.
        """
        training = work.dataset["train"].questions
        if not training:
            raise DataError("the train split has no questions, so nothing can be learned")
        vocabulary = Vocabulary(question.text for question in training)
        answers = sorted({question.answer for question in training})
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(work.seed)
            model = Answerer(len(vocabulary), len(answers), work.budget, work.codes_of("train")).to(work.device)
        asked = QuestionIndex.of(training, vocabulary, answers, WORDS)

        def loss(logits: Tensor, numbers: np.ndarray) -> Tensor:
            wanted = torch.from_numpy(asked.answers[numbers])
            return F.cross_entropy(logits.float(), wanted.to(work.device), ignore_index=OUTSIDE)

        question_head.fit(model, asked, loss, work, streams.generator(work.seed, "batches"))
        result = TaskResult()
        for name, split in work.dataset.items():
            if name == "train":
                continue
            if not split.questions:
                skip_answers(result, split)
                continue
            best = question_head.predict(
                lambda ids, owner, vectors: model(ids, owner, vectors).argmax(1),
                QuestionIndex.of(split.questions, vocabulary, answers, WORDS),
                own_vectors(work.codes_of(name), work.device),
                work.device,
            )
            predicted = [answers[number] for number in best]
            score_answers(result, split, predicted)
            if name == "test":
                result.samples = _samples(split, predicted)
        if work.codes is None:
            for kind, (chances, images) in random_box(work.dataset["train"], work.dataset["test"]).items():
                result.add("accuracy", chances, part=kind, variant="random-box", images=images)
        return result


def _samples(split: Split, predicted: Sequence[str]) -> dict[str, bytes | str]:
    """Evenly spaced questions with their answers, and the images they are about, row by row."""
    shown = evenly_spaced(len(split.questions))
    questions = [split.questions[row] for row in shown]
    rows = [
        (number, question.text, question.answer, predicted[row])
        for number, (row, question) in enumerate(zip(shown, questions, strict=True), 1)
    ]
    table = markdown_table(("image", "question", "answer", "prediction"), rows)
    images = np.stack([split.images[question.image] for question in questions])
    return {"questions.md": table, "images.png": grid_png(images, columns=4, scale=3)}
