"""Visual grounding over frozen codes: where is what the expression names?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw
from torch import Tensor, nn

from bench.contracts.codes import Codes
from bench.contracts.data import Box, DataSet, Question, Split
from bench.contracts.method import Method
from bench.contracts.result import Score, TaskResult
from bench.images import grid_png
from bench.metrics.boxes import box_accuracy, box_iou, corners
from bench.presets import Budget
from bench.registry import tasks
from bench.system.torchvision_ops import make_importable
from tasks.parts.image_controls import PROTOCOL as IMAGE_CONTROLS
from tasks.parts.image_controls import Vectors, image_controls
from tasks.parts.language.questions import OUTSIDE, Asked
from tasks.parts.language.vocabulary import PADDING, Vocabulary
from tasks.parts.networks import head
from tasks.parts.networks.transformer import Transformer

WORDS = 20
PER_IMAGE = 16
LONGER = 3
"""Times the steps of the preset's head: with less, even uncompressed codes teach it where objects are but not which is
meant. On validation, `identity` rises from 0.444 to 0.856."""
SCORING_BATCH = 250
SHOWN = 16
SHOWN_SIDE = 128
GREEN, RED = (0, 170, 0), (230, 0, 0)


@tasks.register("grounding", needs=("boxes",), metrics=("box_accuracy", "box_iou"), blind="mean box")
class Grounding:
    """The box that an expression refers to: a transformer reads a learned token, the expression and the codes.

    A three-layer perceptron turns the learned token's last state into a box, as in LG-VQ (arXiv 2405.14206, App. A.1)
    and TransVG (arXiv 2104.08541), whose loss it is, except that token and expression attend to an encoding of the
    codes instead of standing in one sequence with them, so that an image is encoded once for all its expressions.
    """

    def protocol(self) -> Mapping[str, object]:
        """What determines the values besides the method."""
        return {
            "version": 1,
            "score": "over expressions; right where the IoU is at least 0.5, predictions cut to the image",
            "words": f"plain vocabulary of the training expressions, cut to {WORDS - 1} words",
            "loss": "L1, summed over centre, width and height, plus generalised IoU loss",
            "steps": f"{LONGER} times those of the preset's head",
            "expressions": f"all of an image, at most {PER_IMAGE} drawn in a training step",
            "mean box": "mean centre, width and height of the training boxes, for every expression",
            **IMAGE_CONTROLS,
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
        """See `bench.contracts.Task`; codes None is the mean training box for every expression.

        Raises:
            TrainingDiverged: the head's loss is not finite.
        """
        training = dataset["train"].boxes
        scored = {name: split for name, split in dataset.items() if name != "train"}
        result = TaskResult(metrics={})
        if codes is None:
            mean = _true_boxes(training).mean(0)
            for name, split in scored.items():
                _score(result, _suffix(name), split.boxes, np.tile(mean, (len(split.boxes), 1)))
            return result
        vocabulary = Vocabulary(box.text for box in training)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = Grounder(len(vocabulary), budget, codes["train"]).to(device)
        draw = np.random.default_rng([seed, 0])
        budget = replace(budget, steps=LONGER * budget.steps)
        _fit(model, _asked(training, vocabulary), _true_boxes(training), codes["train"], budget, draw, device)
        for name, split in scored.items():
            sources: dict[str, Vectors] = {"": partial(codes[name].vectors, device=device)}
            if name == "test":
                sources = image_controls(codes, draw, device)
            for variant, vectors in sources.items():
                predicted = _predict(model, _asked(split.boxes, vocabulary), vectors, device)
                _score(result, f"@{variant}" if variant else _suffix(name), split.boxes, predicted)
                if name == "test" and not variant:
                    result.samples = _samples(split, predicted, result.per_example["box_iou"])
        return result


class Grounder(nn.Module):
    """Boxes from code vectors and expressions."""

    def __init__(self, words: int, budget: Budget, training: Codes) -> None:
        super().__init__()
        width, layers = budget.width, budget.layers
        self.reader = head.CodeReader(training, width)
        self.image = Transformer(width, layers, training.grid[0] * training.grid[1])
        self.token = nn.Parameter(torch.randn(width))
        self.words = nn.Embedding(words, width, padding_idx=PADDING)
        self.expression = Transformer(width, layers, 1 + WORDS, cross=True)
        self.box = nn.Sequential(
            nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 4)
        )

    def forward(self, ids: Tensor, vectors: Tensor) -> Tensor:
        """Boxes [B * n, 4] in (0, 1): centre x, centre y, width, height.

        Args:
            ids: words of n expressions an image, [B * n, L]. vectors: code vectors [B, T, D].
        """
        read = torch.cat([self.token.expand(len(ids), 1, -1), self.words(ids)], 1)
        real = F.pad(ids != PADDING, (1, 0), value=True)
        state = self.expression(read, real, self.image(self.reader(vectors)))[:, 0]
        with torch.autocast(ids.device.type, enabled=False):  # bf16 knows only every 256th place of an image
            return torch.sigmoid(self.box(state.float()))


def _fit(
    model: Grounder,
    asked: Asked,
    truth: np.ndarray,
    codes: Codes,
    budget: Budget,
    draw: np.random.Generator,
    device: torch.device,
) -> None:
    make_importable()
    from torchvision.ops import box_convert, generalized_box_iou_loss

    left = np.empty(0, np.int64)

    def loss() -> Tensor:
        nonlocal left
        while len(left) < budget.batch_size:
            left = np.concatenate([left, draw.permutation(len(asked.images))])
        rows, left = left[: budget.batch_size], left[budget.batch_size :]
        numbers = asked.of_images(rows, PER_IMAGE, draw)
        there = numbers.reshape(-1) != OUTSIDE
        predicted = _boxes(model, asked, numbers, codes.vectors(asked.images[rows], device))[there]
        wanted = torch.from_numpy(truth[asked.order[numbers.reshape(-1)[there]]]).to(device, torch.float32)
        distance = (predicted - wanted).abs().sum(1)
        one, other = (box_convert(found, "cxcywh", "xyxy") for found in (predicted, wanted))
        total: Tensor = (distance + generalized_box_iou_loss(one, other)).mean()
        return total

    head.fit(model, loss, budget, device)


def _predict(model: Grounder, asked: Asked, vectors: Vectors, device: torch.device) -> np.ndarray:
    """Boxes float32 [N, 4], in the order of the split's list of expressions."""
    predicted = np.empty((len(asked.order), 4), np.float32)
    for start in range(0, len(asked.images), SCORING_BATCH):
        rows = np.arange(start, min(start + SCORING_BATCH, len(asked.images)))
        numbers = asked.of_images(rows)
        with torch.inference_mode(), head.autocast(device):
            found = _boxes(model, asked, numbers, vectors(asked.images[rows])).cpu().numpy()
        there = numbers.reshape(-1) != OUTSIDE
        predicted[asked.order[numbers.reshape(-1)[there]]] = found[there]
    return predicted


def _boxes(model: Grounder, asked: Asked, numbers: np.ndarray, vectors: Tensor) -> Tensor:
    """[B * n, 4] for the expressions [B, n]; where none stands, anything."""
    ids = asked.ids[numbers.reshape(-1)]
    longest = int((ids != PADDING).sum(1).max())
    boxes: Tensor = model(torch.from_numpy(ids[:, :longest]).to(vectors.device), vectors)
    return boxes


def _asked(boxes: Sequence[Box], vocabulary: Vocabulary) -> Asked:
    """Expressions as questions for a place, grouped by image."""
    return Asked.of([Question(box.image, box.text, "", "") for box in boxes], vocabulary, (), WORDS)


def _true_boxes(boxes: Sequence[Box]) -> np.ndarray:
    """float64 [N, 4]"""
    return np.array([box.box for box in boxes], np.float64)


def _suffix(split: str) -> str:
    return "" if split == "test" else f"@{split.removeprefix('test-')}"


def _score(result: TaskResult, suffix: str, boxes: Sequence[Box], predicted: np.ndarray) -> None:
    iou = box_iou(predicted, _true_boxes(boxes))
    result.per_example[f"image{suffix}"] = np.array([box.image for box in boxes])
    for name, scores in (("box_accuracy", box_accuracy(iou)), ("box_iou", iou)):
        result.per_example[name + suffix] = scores
        result.metrics[name + suffix] = Score(float(scores.mean(dtype=np.float64)), len(scores))


def _samples(split: Split, predicted: np.ndarray, iou: np.ndarray) -> dict[str, bytes | str]:
    """Evenly spaced expressions, and their images with the true box in green and the predicted one in red."""
    shown = np.linspace(0, len(split.boxes) - 1, min(SHOWN, len(split.boxes))).astype(int)
    scale = max(1, SHOWN_SIDE // split.images.shape[1])
    lines = ["| image | expression | IoU |", "|--:|---|--:|"]
    pictures = []
    for number, row in enumerate(shown, 1):
        box = split.boxes[row]
        lines.append(f"| {number} | {box.text} | {iou[row]:.2f} |")
        picture = Image.fromarray(split.images[box.image].repeat(scale, axis=0).repeat(scale, axis=1))
        for sides, color in zip(corners(np.stack([box.box, predicted[row]])), (GREEN, RED), strict=True):
            places = np.clip(np.round(sides * picture.width), 0, picture.width - 1)
            ImageDraw.Draw(picture).rectangle(places.tolist(), outline=color, width=2)
        pictures.append(np.asarray(picture))
    return {"grounding.md": "\n".join(lines) + "\n", "grounding.png": grid_png(np.stack(pictures), columns=4)}
