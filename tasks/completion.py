"""Completion: the upper half of an image is given as codes, a generator makes the lower half."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from typing_extensions import override

from bench.contracts.result import TaskResult
from bench.contracts.task import Work
from bench.images import comparison_png
from bench.registry import tasks
from bench.tasks.parts.generator import scores
from bench.tasks.parts.generator.model import NoCondition
from bench.tasks.parts.generator.task import GeneratingTask

SHOWN = 8


@tasks.register(
    "completion",
    needs=(),
    metrics=("fd", "kd", "fid", "kid", "precision", "recall"),
    blind="another lower half",
    budget="generator",
)
@dataclass(frozen=True)
class Completion(GeneratingTask):
    """The generator of `unconditional` goes on from the codes of the upper half (LG-VQ, arXiv 2405.14206, Table 10).

    The paper does not say how it cuts; here as in taming's logs: the first half of the codes is given, and all are
    decoded. The blind baseline puts the lower half of a random training image under the true upper half.
    """

    @override
    def protocol(self) -> Mapping[str, object]:
        return {
            "version": 2,
            "given": "the codes of the upper half; the whole image is decoded and compared",
            **self.shared_protocol(),
        }

    @override
    def run(self, work: Work) -> TaskResult:
        result = TaskResult()
        images = self.generate(
            work,
            result,
            lambda _: NoCondition(work.budget.width),
            given=lambda sequences: sequences[:, : sequences.shape[1] // 2],
        )["test"]
        originals = work.dataset["test"].images
        if work.codes is None:
            upper = originals.shape[1] // 2
            images[:, :upper] = originals[:, :upper]
        scores.score(result, images, work, self.extractors)
        shown = np.asarray(originals[:SHOWN])
        result.samples["completions.png"] = comparison_png(shown, images[:SHOWN], 8, scale=3)
        return result
