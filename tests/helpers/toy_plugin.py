"""A data set, two methods and a task, as a third party would add them: small enough to run in a second."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from typing_extensions import override

from bench.contracts.data import DataSet, Question, Split
from bench.contracts.method import Batch, Method, Quantized, TextEncoder, Tokenizer
from bench.contracts.metric import Metric
from bench.contracts.result import TaskResult
from bench.contracts.task import Task, Work
from bench.presets import Preset
from bench.registry import datasets, methods, tasks


@datasets.register("toy-colours", offers=("captions", "questions"))
@dataclass(frozen=True)
class ToyColours(DataSet):
    """Plain squares, each of one colour."""

    broken: bool = False

    @override
    def split(self, name: str, cache: Path) -> Split:
        if self.broken:
            raise ValueError("the toy data set was asked to break")
        count = min(48, self.limits.get(name, 48))
        rng = np.random.default_rng(self.splits.index(name))
        kinds = rng.integers(0, 2, count)
        images = np.zeros((count, self.size, self.size, 3), np.uint8)
        images[..., 0] = 200 * kinds[:, None, None] + rng.integers(0, 40, (count, 1, 1))
        words = [("dark", "bright")[kind] for kind in kinds]
        captions = [[f"a {word} square"] for word in words]
        questions = [Question(row, "which shade?", word, "color") for row, word in enumerate(words)]
        return Split(name, images, captions, questions)


class Patches(Tokenizer):
    """Mean colour of 4x4 patches, rounded to the nearest of K grey levels."""

    def __init__(self, size: int, codes: int, fault: str) -> None:
        super().__init__()
        self.grid = (size // 4, size // 4)
        self.levels = nn.Parameter(torch.rand(codes, 1) * 2 - 1)
        self.fault = fault

    @property
    def codebook(self) -> Tensor:
        return self.levels

    def quantize(self, images: Tensor) -> Quantized:
        z = nn.functional.avg_pool2d(images.mean(1, keepdim=True), 4)
        indices = (z.permute(0, 2, 3, 1) - self.levels[:, 0]).abs().argmin(-1)
        code = self.levels[indices].permute(0, 3, 1, 2)
        return Quantized(z + (code - z).detach(), indices, (code - z.detach()).square().mean())

    @override
    def encode(self, images: Tensor) -> Tensor:
        indices = self.quantize(images).indices
        return indices.flatten() if self.fault == "flat" else indices

    @override
    def decode(self, indices: Tensor) -> Tensor:
        grey = self.levels[indices].permute(0, 3, 1, 2)
        return nn.functional.interpolate(grey, scale_factor=4).expand(-1, 3, -1, -1)

    @override
    def losses(self, batch: Batch, step: int) -> dict[str, Tensor]:
        if self.fault == "raise" and step == 3:
            raise RuntimeError("the toy method was asked to break")
        loss = self.quantize(batch.images).loss
        return {"codebook": loss * float("nan") if self.fault == "nan" else loss}


@methods.register("toy")
@methods.register("toy-16", arguments={"codes": 16})
@dataclass(frozen=True)
class Toy(Method):
    """Grey levels of patches."""

    codes: int = 4
    fault: str = ""

    @override
    def build(self, preset: Preset, dataset: str, text: TextEncoder | None) -> Patches:
        return Patches(preset.image_size, self.codes, self.fault)


@tasks.register(
    "toy-task",
    needs=("questions",),
    metrics=(Metric("brightness", higher_is_better=None, about="Mean of all code vectors."),),
    blind="no image",
)
@dataclass(frozen=True)
class ToyTask(Task):
    """Mean brightness."""

    undeclared: bool = False

    @override
    def protocol(self) -> Mapping[str, object]:
        return {"version": 1}

    @override
    def run(self, work: Work) -> TaskResult:
        rows = np.arange(len(work.dataset["test"]))
        codes = work.codes_of("test")
        vectors = codes.vectors(rows, work.device) if codes else torch.zeros(len(rows), 1, 1)
        result = TaskResult(samples={"note.txt": "looked at"})
        name = "brightnes" if self.undeclared else "brightness"
        result.add(name, vectors.mean((1, 2)).cpu().numpy())
        return result
