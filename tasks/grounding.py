"""Visual grounding over frozen codes: where is what the expression names?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw
from torch import Tensor
from typing_extensions import override

from bench.contracts.data import Box, Question, Split
from bench.contracts.metric import Metric, MetricName
from bench.contracts.result import TaskResult
from bench.contracts.task import Task, Work
from bench.errors import DataError
from bench.images import grid_png
from bench.metrics.boxes import box_accuracy, box_iou, corners
from bench.registry import tasks
from bench.system import streams
from bench.system.torchvision_ops import make_importable
from bench.tasks.parts.image_controls import PROTOCOL as IMAGE_CONTROLS
from bench.tasks.parts.image_controls import image_controls, own_vectors, skip_missing
from bench.tasks.parts.language.questions import QuestionIndex
from bench.tasks.parts.language.vocabulary import Vocabulary
from bench.tasks.parts.networks import head, question_head
from bench.tasks.parts.networks.grounder import WORDS, Grounder
from bench.tasks.parts.samples import evenly_spaced, markdown_table

SHOWN_SIDE = 128
"""Images are enlarged to about so many pixels before boxes are drawn."""
METRICS = ("box_accuracy", "box_iou")
GREEN, RED = (0, 170, 0), (230, 0, 0)


@tasks.register(
    "grounding",
    needs=("boxes",),
    metrics=(
        Metric(
            "box_accuracy",
            higher_is_better=True,
            about="Share of boxes whose IoU with the true one is at least 0.5 (Acc@0.5).",
        ),
        Metric("box_iou", higher_is_better=True, about="Intersection over union of predicted and true boxes."),
    ),
    blind="expression only",
)
@dataclass(frozen=True)
class Grounding(Task):
    """The box that an expression refers to: a transformer reads a learned token, the expression and the codes.

    A three-layer perceptron turns the learned token's last state into a box, as in LG-VQ (arXiv 2405.14206, App. A.1)
    and TransVG (arXiv 2104.08541), whose loss it is. Two things differ. Token and expression attend to an encoding of
    the codes instead of standing in one sequence with them, so that an image is encoded once for all its expressions.
    And the token learns to point at the position that holds the box's centre, by a cross-entropy: from boxes alone it
    learns so late which object is meant that its start decides how far it gets.
    The blind baseline is the same network without its image part.
    """

    @override
    def protocol(self) -> Mapping[str, object]:
        return {
            "version": 3,
            "score": "over expressions; right where the IoU is at least 0.5, predictions cut to the image",
            "words": f"plain vocabulary of the training expressions, cut to {WORDS - 1} words",
            "loss": "L1, summed over centre, width and height, plus generalised IoU loss, plus cross-entropy of the "
            "position that holds the box's centre",
            "expressions": f"all of an image, at most {question_head.PER_IMAGE} drawn in a training step",
            **IMAGE_CONTROLS,
            **head.PROTOCOL,
        }

    @override
    def run(self, work: Work) -> TaskResult:
        """See `bench.contracts.task.Task`.

        Raises:
            DataError: the training split has no boxes.
            TrainingDiverged: the head's loss is not finite.
        """
        if not work.dataset["train"].boxes:
            raise DataError("the train split has no boxes, so nothing can be learned")
        result = TaskResult()
        for name, split in work.dataset.items():
            if not split.boxes:
                for metric in METRICS:
                    result.skip(str(MetricName(metric, variant=split.variant)), f"the {name} split has no boxes")
        _fit_and_score(result, work)
        return result


def _fit_and_score(result: TaskResult, work: Work) -> None:
    """Add scores of a fitted network on all splits but the training split, and of its controls on the test split."""
    vocabulary = Vocabulary(box.text for box in work.dataset["train"].boxes)
    rng = streams.generator(work.seed, "batches")
    model = _fitted(work, vocabulary, rng)
    for name, split in work.dataset.items():
        if name == "train" or not split.boxes:
            continue
        shown = {split.variant: own_vectors(work.codes_of(name), work.device)}
        if name == "test" and work.codes is not None:
            shown = image_controls(work.codes, rng, work.device)
            skip_missing(result, shown, METRICS)
        for variant, vectors in shown.items():
            outputs = question_head.predict(model, _questions(split.boxes, vocabulary), vectors, work.device)
            predicted = outputs[:, :4]
            iou = _score(result, variant, split.boxes, predicted)
            if name == "test" and not variant:
                result.samples = _samples(split, predicted, iou)


def _fitted(work: Work, vocabulary: Vocabulary, rng: np.random.Generator) -> Grounder:
    """A network fitted to the training split."""
    make_importable()
    from torchvision.ops import box_convert, generalized_box_iou_loss

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(work.seed)
        codes = work.codes_of("train")
        model = Grounder(len(vocabulary), work.budget, codes).to(work.device)
    boxes = work.dataset["train"].boxes
    questions, truth = _questions(boxes, vocabulary), _true_boxes(boxes)

    def loss(outputs: Tensor, numbers: np.ndarray) -> Tensor:
        predicted = outputs[:, :4]
        wanted = torch.from_numpy(truth[questions.order[numbers]]).to(work.device, torch.float32)
        distance = (predicted - wanted).abs().sum(1)
        sides, true_sides = (box_convert(form, "cxcywh", "xyxy") for form in (predicted, wanted))
        total: Tensor = (distance + generalized_box_iou_loss(sides, true_sides)).mean()
        if codes is None:
            return total
        height, width = codes.grid
        row, column = (wanted[:, 1] * height).long(), (wanted[:, 0] * width).long()
        place = row.clamp(max=height - 1) * width + column.clamp(max=width - 1)
        return total + F.cross_entropy(outputs[:, 4:], place)

    question_head.fit(model, questions, loss, work, rng)
    return model


def _questions(boxes: Sequence[Box], vocabulary: Vocabulary) -> QuestionIndex:
    """Expressions as questions for a place, grouped by image."""
    return QuestionIndex.of([Question(box.image, box.text, "", "") for box in boxes], vocabulary, (), WORDS)


def _true_boxes(boxes: Sequence[Box]) -> np.ndarray:
    """float64 [N, 4]"""
    return np.array([box.box for box in boxes], np.float64)


def _score(result: TaskResult, variant: str, boxes: Sequence[Box], predicted: np.ndarray) -> np.ndarray:
    """Add the scores of predicted boxes [N, 4]; returns the IoU of each."""
    iou = box_iou(predicted, _true_boxes(boxes))
    images = np.array([box.image for box in boxes])
    result.add("box_accuracy", box_accuracy(iou), variant=variant, images=images)
    result.add("box_iou", iou, variant=variant, images=images)
    return iou


def _samples(split: Split, predicted: np.ndarray, iou: np.ndarray) -> dict[str, bytes | str]:
    """Evenly spaced expressions, and their images with the true box in green and the predicted one in red."""
    scale = max(1, SHOWN_SIDE // split.images.shape[1])
    rows, pictures = [], []
    for number, row in enumerate(evenly_spaced(len(split.boxes)), 1):
        box = split.boxes[row]
        rows.append((number, box.text, f"{iou[row]:.2f}"))
        picture = Image.fromarray(split.images[box.image].repeat(scale, axis=0).repeat(scale, axis=1))
        for sides, color in zip(corners(np.stack([box.box, predicted[row]])), (GREEN, RED), strict=True):
            places = np.clip(np.round(sides * picture.width), 0, picture.width - 1)
            ImageDraw.Draw(picture).rectangle(places.tolist(), outline=color, width=2)
        pictures.append(np.asarray(picture))
    table = markdown_table(("image", "expression", "IoU"), rows, numbers=("image", "IoU"))
    return {"grounding.md": table, "grounding.png": grid_png(np.stack(pictures), columns=4)}
