"""Unconditional generation: images from a generator of codes that is told nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from bench.contracts.codes import Codes
from bench.contracts.data import DataSet, Split
from bench.contracts.method import Method
from bench.contracts.result import TaskResult
from bench.images import grid_png
from bench.metrics.image_sets import DEFAULT_EXTRACTORS
from bench.presets import Budget
from bench.registry import tasks
from tasks.parts.generator import sample, scores
from tasks.parts.generator.fit import fitted
from tasks.parts.generator.model import Autoregressive, NoCondition, no_indices
from tasks.parts.generator.sample import make_images
from tasks.parts.networks.gpt import Sampling

SAMPLING = Sampling()
SHOWN = 24


@tasks.register(
    "unconditional",
    needs=(),
    metrics=("fd", "kd", "fid", "kid", "precision", "recall"),
    blind="training images",
    budget="generator",
)
@dataclass(frozen=True)
class Unconditional:
    """Images from GPT over codes, which starts from nothing (LG-VQ, arXiv 2405.14206, Table 7).

    As many images as the test split has are compared with it. The blind baseline shows training images: its distances
    are the floor that chance alone gives.
    """

    extractors: tuple[str, ...] = DEFAULT_EXTRACTORS

    def protocol(self) -> Mapping[str, object]:
        """What determines the values besides the method."""
        return {
            "version": 1,
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
        """See `bench.contracts.Task`; `codes` None shows random training images.

        Raises:
            TrainingDiverged: the generator's loss is not finite.
        """
        result = TaskResult(metrics={})
        if codes is None:
            images = scores.training_images(dataset["train"], len(dataset["test"]), seed)
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
                model, codes["test"], "test", SAMPLING, seed, device
            )
        scores.score(result, images, dataset, self.extractors, device)
        result.samples["images.png"] = grid_png(images[:SHOWN], columns=8, scale=3)
        return result
