"""A plug-in of every kind, each of which keeps its contract; tests break one line of it at a time."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from typing_extensions import override

from bench.contracts.data import Box, DataSet, Question, Split
from bench.contracts.method import Batch, Method, TextEncoder, Tokenizer
from bench.contracts.metric import Metric
from bench.contracts.result import TaskResult
from bench.contracts.task import Task, Work
from bench.presets import Preset
from bench.registry import datasets, extractors, methods, metrics, tasks, text_encoders
from bench.system.fingerprint import of_value


class Greys(Tokenizer):
    """Mean grey of 4x4 patches, rounded to the nearest of K levels."""

    def __init__(self, size: int, codes: int) -> None:
        super().__init__()
        self.grid = (size // 4, size // 4)
        self.levels = nn.Parameter(torch.rand(codes, 1) * 2 - 1)
        self.register_buffer("seen", torch.zeros(1))

    @property
    @override
    def codebook(self) -> Tensor:
        return self.levels

    @override
    def encode(self, images: Tensor) -> Tensor:
        greys = nn.functional.avg_pool2d(images.mean(1), 4)
        return (greys[..., None] - self.levels[:, 0]).abs().argmin(-1)

    @override
    def decode(self, indices: Tensor) -> Tensor:
        greys = self.levels[indices].permute(0, 3, 1, 2)
        return nn.functional.interpolate(greys, scale_factor=4).expand(-1, 3, -1, -1)

    @override
    def losses(self, batch: Batch, step: int) -> dict[str, Tensor]:
        loss = (self.decode(self.encode(batch.images)) - batch.images).square().mean()
        return {"reconstruction": loss}


@methods.register("sound")
@dataclass(frozen=True)
class SoundMethod(Method):
    """Grey levels of patches."""

    codes: int = 4

    @override
    def build(self, preset: Preset, dataset: str, text: TextEncoder | None) -> Tokenizer:
        return Greys(preset.image_size, self.codes)


@tasks.register(
    "sound",
    needs=("questions",),
    metrics=(Metric("brightness", higher_is_better=None, about="Mean of all code vectors."),),
    blind="no image",
)
@dataclass(frozen=True)
class SoundTask(Task):
    """Mean brightness."""

    power: int = 1

    @override
    def protocol(self) -> Mapping[str, object]:
        return {"version": 1}

    @override
    def run(self, work: Work) -> TaskResult:
        result = TaskResult(samples={"note.txt": "looked at"})
        for name, split in work.tests.items():
            codes = work.codes_of(name)
            rows = np.arange(len(split))
            means = codes.vectors(rows, work.device).mean((1, 2)).numpy() if codes else np.zeros(len(rows))
            result.add("brightness", means, variant=split.variant)
        return result


@datasets.register("sound", offers=("captions", "questions", "boxes", "masks"))
@dataclass(frozen=True)
class SoundData(DataSet):
    """Squares on noise."""

    seed: int = 0

    @override
    def split(self, name: str, cache: Path) -> Split:
        count = min(20, self.limits.get("test" if name.startswith("test") else name, 20))
        rng = np.random.default_rng([self.seed, self.splits.index(name)])
        images = rng.integers(0, 200, (count, self.size, self.size, 3), np.uint8)
        masks = np.zeros(images.shape[:3], np.uint8)
        images[:, :8, :8], masks[:, :8, :8] = 255, 1
        captions = [["a square", "white on noise"] for _ in images]
        questions = [Question(row, "which shape?", "square", "shape") for row in range(count)]
        corner = 4 / self.size
        boxes = [Box(row, "the square", (corner, corner, 2 * corner, 2 * corner)) for row in range(count)]
        return Split(name, images, captions, questions, boxes, masks)


@metrics.register("closeness", higher_is_better=True, compares="images")
def closeness(made: np.ndarray, originals: np.ndarray) -> np.ndarray:
    """Minus the mean difference."""
    values: np.ndarray = -np.abs(made.astype(float) - originals).mean((1, 2, 3))
    return values


@metrics.register("gap", higher_is_better=False, compares="features")
def gap(real: Tensor, made: Tensor) -> float:
    """Distance of the means."""
    return float((real.mean(0) - made.mean(0)).norm())


@extractors.register("channels")
class Channels:
    """Mean of each channel."""

    name = "channels"

    def __init__(self, device: str = "cpu") -> None:
        self.device = torch.device(device)

    def fingerprint(self) -> str:
        return of_value("channels")

    def features(self, images: np.ndarray) -> Tensor:
        return torch.tensor(images).to(self.device).float().mean((1, 2))


@text_encoders.register("hashes")
class Hashes:
    """Words by hash, random embeddings."""

    name = "hashes"
    width, length, vocabulary, mask_id = 6, 10, 50, 1

    def __init__(self, argument: str, device: torch.device) -> None:
        self.device = device
        self.word_embeddings = torch.randn(50, 6, generator=torch.Generator().manual_seed(0)).to(device)
        self.words: Mapping[str, int] = {}

    def tokenize(self, texts: list[str]) -> Tensor:
        ids = torch.zeros(len(texts), self.length, dtype=torch.int64)
        for row, text in enumerate(texts):
            words = text.split()[: self.length]
            ids[row, : len(words)] = torch.tensor(
                [4 + hashlib.sha256(word.encode()).digest()[0] % 40 for word in words]
            )
        return ids

    def encode(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        tokens = self.word_embeddings[ids]
        return tokens, tokens.mean(1)

    def fingerprint(self) -> str:
        return of_value("hashes")
