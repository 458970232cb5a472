"""A data set, two methods and a task, as a third party would add them: small enough to run in a second."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from bench.contracts.codes import Codes
from bench.contracts.data import DataSet, Question, Split
from bench.contracts.method import Batch, Method, Quantized, TextEncoder
from bench.contracts.result import Score, TaskResult
from bench.presets import Budget, Preset
from bench.registry import datasets, methods, metrics, tasks


@datasets.register("toy-colours", offers=("captions", "questions"))
@dataclass(frozen=True)
class ToyColours:
    """Plain squares, each of one colour."""

    size: int = 32
    limits: Mapping[str, int] = ()  # type: ignore[assignment]
    root: Path | None = None
    broken: bool = False
    splits: ClassVar[tuple[str, ...]] = ("train", "validation", "test")
    needs_root: ClassVar[bool] = False

    def fingerprint(self) -> str:
        return f"toy-colours {self.size} {self.broken}"

    def split(self, name: str, cache: Path) -> Split:
        if self.broken:
            raise ValueError("the toy data set was asked to break")
        generator = np.random.default_rng(self.splits.index(name))
        kinds = generator.integers(0, 2, 48)
        images = np.zeros((48, self.size, self.size, 3), np.uint8)
        images[..., 0] = 200 * kinds[:, None, None] + generator.integers(0, 40, (48, 1, 1))
        words = [("dark", "bright")[kind] for kind in kinds]
        captions = [[f"a {word} square"] for word in words]
        questions = [Question(row, "which shade?", word, "color") for row, word in enumerate(words)]
        return Split(name, images, captions, questions)


class Patches(nn.Module):
    """Mean colour of 4x4 patches, rounded to the nearest of K grey levels."""

    discrete = True

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

    def encode(self, images: Tensor) -> Tensor:
        return self.quantize(images).indices

    def decode(self, indices: Tensor) -> Tensor:
        grey = self.levels[indices].permute(0, 3, 1, 2)
        return nn.functional.interpolate(grey, scale_factor=4).expand(-1, 3, -1, -1)

    def losses(self, batch: Batch, step: int) -> dict[str, Tensor]:
        if self.fault == "raise" and step == 3:
            raise RuntimeError("the toy method was asked to break")
        loss = self.quantize(batch.images).loss
        return {"codebook": loss * float("nan") if self.fault == "nan" else loss}


@methods.register("toy")
@methods.register("toy-16", arguments={"codes": 16})
@dataclass(frozen=True)
class Toy:
    """Grey levels of patches."""

    paper: ClassVar[str] = "none"
    needs_text: ClassVar[bool] = False
    control: ClassVar[bool] = False
    codes: int = 4
    fault: str = ""

    def build(self, preset: Preset, dataset: str, text: TextEncoder | None) -> Patches:
        return Patches(preset.image_size, self.codes, self.fault)


@metrics.register("brightness", higher_is_better=None, unit="")
def brightness(vectors: Tensor) -> float:
    """Mean of all code vectors."""
    return float(vectors.mean())


@tasks.register("toy-task", needs=("questions",), metrics=("brightness",), blind="no image")
class ToyTask:
    """Mean brightness."""

    def protocol(self) -> Mapping[str, object]:
        return {"version": 1}

    def skip(self, dataset: DataSet, method: Method | None) -> str | None:
        return None

    def run(
        self,
        codes: Mapping[str, Codes] | None,
        dataset: Mapping[str, Split],
        budget: Budget,
        seed: int,
        device: torch.device,
    ) -> TaskResult:
        test = dataset["test"]
        rows = np.arange(len(test))
        vectors = codes["test"].vectors(rows, device) if codes else torch.zeros(len(test), 1, 1)
        per_image = vectors.mean((1, 2)).cpu().numpy()
        return TaskResult(
            metrics={"brightness": Score(brightness(vectors), len(test))},
            per_example={"brightness": per_image},
            samples={"note.txt": "looked at"},
        )
