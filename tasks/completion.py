"""Completion: the upper half of an image is given as codes, a generator makes the lower half."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from bench.contracts.codes import Codes
from bench.contracts.data import DataSet, Split
from bench.contracts.method import Method
from bench.contracts.result import TaskResult
from bench.images import comparison_png
from bench.metrics.image_sets import DEFAULT_EXTRACTORS
from bench.presets import Budget
from bench.registry import tasks
from tasks.parts.generator import sample, scores
from tasks.parts.generator.fit import fitted
from tasks.parts.generator.model import Autoregressive, NoCondition, no_indices
from tasks.parts.generator.sample import make_images
from tasks.parts.networks.gpt import Sampling

SAMPLING = Sampling()
SHOWN = 16


@tasks.register(
    "completion",
    needs=(),
    metrics=("fd", "kd", "fid", "kid", "precision", "recall"),
    blind="another lower half",
    budget="generator",
)
@dataclass(frozen=True)
class Completion:
    """The generator of `unconditional` goes on from the codes of the upper half (LG-VQ, arXiv 2405.14206, Table 10).

    The paper does not say how it cuts; here as in taming's logs: the first half of the codes is given, and all are
    decoded. The blind baseline puts the lower half of a random training image under the true upper half.
    """

    extractors: tuple[str, ...] = DEFAULT_EXTRACTORS

    def protocol(self) -> Mapping[str, object]:
        """What determines the values besides the method."""
        return {
            "version": 1,
            "given": "the codes of the upper half; the whole image is decoded and compared",
            **scores.protocol(self.extractors),
            **sample.protocol(SAMPLING),
        }

    def skip(self, dataset: DataSet, method: Method | None) -> str | None:  # noqa: ARG002 - part of the contract
        """A method without indices has nothing to generate."""
        return no_indices(method)

    def run(
        self,
        codes: Mapping[str, Codes] | None,
        dataset: Mapping[str, Split],
        budget: Budget,
        seed: int,
        device: torch.device,
    ) -> TaskResult:
        """See `bench.contracts.Task`.

        Raises:
            TrainingDiverged: the generator's loss is not finite.
        """
        originals = dataset["test"].images
        result = TaskResult(metrics={})
        if codes is None:
            images = scores.training_images(dataset["train"], len(originals), seed)
            upper = originals.shape[1] // 2
            images[:, :upper] = originals[:, :upper]
        else:
            model, result.cost["generator_fit_s"] = fitted(
                Autoregressive,
                lambda: NoCondition(budget.width),
                codes["train"],
                budget,
                seed,
                device,
                dataset["train"].cache,
            )
            images, result.cost["generate_ms_per_image"] = make_images(
                model,
                codes["test"],
                "test",
                SAMPLING,
                seed,
                device,
                given=lambda whole: whole[:, : whole.shape[1] // 2],
            )
        scores.score(result, images, dataset, self.extractors, device)
        shown = np.asarray(originals[:SHOWN])
        result.samples["completions.png"] = comparison_png(shown, images[:SHOWN], 8, scale=3)
        return result
