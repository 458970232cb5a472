"""Unconditional generation: images from a generator of codes that is told nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from typing_extensions import override

from bench.contracts.result import TaskResult
from bench.contracts.task import Work
from bench.images import grid_png
from bench.registry import tasks
from bench.tasks.parts.generator import scores
from bench.tasks.parts.generator.model import NoCondition
from bench.tasks.parts.generator.task import GeneratingTask

SHOWN = 16


@tasks.register(
    "unconditional",
    needs=(),
    metrics=("fd", "kd", "fid", "kid", "precision", "recall"),
    blind="training images",
    budget="generator",
)
@dataclass(frozen=True)
class Unconditional(GeneratingTask):
    """Images from GPT over codes, which starts from nothing (LG-VQ, arXiv 2405.14206, Table 7).

    As many images as the test split has are compared with it. The blind baseline shows training images: its distances
    are the floor that chance alone gives.
    """

    @override
    def protocol(self) -> Mapping[str, object]:
        return {"version": 2, **self.shared_protocol()}

    @override
    def run(self, work: Work) -> TaskResult:
        result = TaskResult()
        images = self.generate(work, result, lambda _: NoCondition(work.budget.width))["test"]
        scores.score(result, images, work, self.extractors)
        result.samples["images.png"] = grid_png(images[:SHOWN], columns=8, scale=3)
        return result
