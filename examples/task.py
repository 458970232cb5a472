"""Nearest neighbours: do images whose codes are alike show the same things?"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from typing_extensions import override

from bench.contracts.metric import Metric
from bench.contracts.result import TaskResult
from bench.contracts.task import Task, Work
from bench.registry import tasks


@tasks.register("knn", needs=("captions",), metrics=(Metric("shared_words", higher_is_better=True),), blind="chance")
@dataclass(frozen=True)
class NearestNeighbours(Task):
    """Words that the captions of an image share with those of the k training images of most similar codes."""

    k: int = 5

    @override
    def protocol(self) -> Mapping[str, object]:
        return {"version": 1, "k": self.k, "score": "share of an image's words", "codes": "mean vector, Euclidean"}

    @override
    def run(self, work: Work) -> TaskResult:
        result, means, bag = TaskResult(), {}, {}
        for name, split in work.dataset.items():
            bag[name] = [set(" ".join(captions).split()) for captions in split.captions]  # [N] sets of words
            if codes := work.codes_of(name):
                means[name] = codes.vectors(np.arange(len(split)), work.device).mean(1)  # [N, h*w, D] to [N, D]
        for name, split in work.tests.items():
            near = np.random.default_rng(work.seed).integers(0, len(bag["train"]), (len(split), self.k))
            if means:
                near = torch.cdist(means[name], means["train"]).topk(self.k, largest=False).indices.cpu().numpy()
            shared = [[len(a & bag["train"][i]) / len(a) for i in row] for a, row in zip(bag[name], near, strict=True)]
            result.add("shared_words", np.mean(shared, axis=1), variant=split.variant)
        return result
