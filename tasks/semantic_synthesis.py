"""Semantic synthesis: images made for segmentation masks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from bench.contracts.codes import Codes
from bench.contracts.data import DataSet, Split
from bench.contracts.method import Method
from bench.contracts.result import Score, TaskResult
from bench.errors import DataError
from bench.images import grid_png
from bench.metrics.image_sets import DEFAULT_EXTRACTORS
from bench.metrics.masks import mask_agreement
from bench.presets import Budget
from bench.registry import tasks
from tasks.parts.generator import sample, scores
from tasks.parts.generator.fit import fitted
from tasks.parts.generator.mask_condition import MaskCondition
from tasks.parts.generator.model import Autoregressive, no_indices
from tasks.parts.generator.sample import make_images
from tasks.parts.networks.gpt import Sampling
from tasks.parts.networks.segmenter import Segmenter, classes_of, fitted_segmenter, segment

SAMPLING = Sampling()
SHOWN = 8


@tasks.register(
    "semantic-synthesis",
    needs=("masks",),
    metrics=("fd", "kd", "fid", "kid", "mask_agreement", "precision", "recall"),
    blind="training images",
    budget="generator",
)
@dataclass(frozen=True)
class SemanticSynthesis:
    """Images from GPT over codes, which follow the patches of a mask (LG-VQ, arXiv 2405.14206, Table 6).

    A segmenter trained on real training images says whether an image shows what its mask asks for. The blind baseline
    shows training images whatever the mask.
    """

    extractors: tuple[str, ...] = DEFAULT_EXTRACTORS

    def protocol(self) -> Mapping[str, object]:
        """What determines the values besides the method."""
        return {
            "version": 1,
            "condition": "the mask's patch behind each code, as shares of classes in cells of it; no second codebook",
            "mask_agreement": "IoU of the given mask and what a U-Net trained on real training images sees, mean over "
            "the classes in the given mask; @real: of the real test images",
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
            DataError: a split has no masks, or classes that no training mask has.
            TrainingDiverged: the generator's loss is not finite.
        """
        tests = [name for name in dataset if name.startswith("test")]
        masks = {name: _masks(dataset[name]) for name in ("train", *tests)}
        segmenter = fitted_segmenter(dataset["train"], device)
        result = TaskResult(metrics={})
        if codes is None:
            made = {name: scores.training_images(dataset["train"], len(dataset[name]), seed) for name in tests}
        else:
            grid, classes = codes["train"].grid, classes_of(dataset["train"])
            model, result.cost["generator_fit_s"] = fitted(
                Autoregressive,
                lambda: MaskCondition(masks, classes, grid, budget.width),
                codes["train"],
                budget,
                seed,
                device,
                dataset["train"].cache,
            )
            made = {}
            for name in tests:
                made[name], spent = make_images(model, codes[name], name, SAMPLING, seed, device)
                if name == "test":
                    result.cost["generate_ms_per_image"] = spent
        scores.score(result, made["test"], dataset, self.extractors, device)
        for name in tests:
            suffix = "" if name == "test" else f"@{name.removeprefix('test-')}"
            _agreement(result, suffix, segmenter, made[name], masks[name], device)
        _agreement(result, "@real", segmenter, dataset["test"].images, masks["test"], device)
        result.samples["masks.png"] = _sample(
            masks["test"][:SHOWN], dataset["test"].images[:SHOWN], made["test"][:SHOWN]
        )
        return result


def _masks(split: Split) -> np.ndarray:
    if split.masks is None:
        raise DataError(f"the {split.name} split has no masks")
    return split.masks


def _agreement(
    result: TaskResult,
    suffix: str,
    segmenter: Segmenter,
    images: np.ndarray,
    masks: np.ndarray,
    device: torch.device,
) -> None:
    values = mask_agreement(segment(segmenter, images, device), np.asarray(masks))
    result.metrics[f"mask_agreement{suffix}"] = Score(float(values.mean()), len(values))
    result.per_example[f"mask_agreement{suffix}"] = values


def _sample(masks: np.ndarray, originals: np.ndarray, made: np.ndarray) -> bytes:
    """Masks, each class in a colour of its own, above the originals above what was made."""
    colors = np.random.default_rng(0).integers(40, 256, (256, 3)).astype(np.uint8)
    colors[0] = 0
    return grid_png(np.concatenate([colors[masks], originals, made]), columns=SHOWN, scale=3)
