"""Semantic synthesis: images generated from segmentation masks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from typing_extensions import override

from bench.contracts.data import Split
from bench.contracts.metric import Metric
from bench.contracts.result import TaskResult
from bench.contracts.task import Work
from bench.errors import DataError
from bench.images import grid_png
from bench.metrics.masks import mask_agreement
from bench.registry import tasks
from bench.tasks.parts.generator import scores
from bench.tasks.parts.generator.mask_condition import MaskCondition
from bench.tasks.parts.generator.task import GeneratingTask
from bench.tasks.parts.networks.segmenter import classes_of, fitted_segmenter, segment

SHOWN = 8


@tasks.register(
    "semantic-synthesis",
    needs=("masks",),
    metrics=(
        "fd",
        "kd",
        "fid",
        "kid",
        Metric(
            "mask_agreement",
            higher_is_better=True,
            about="Mean IoU of the classes in the given mask with what a segmenter sees.",
        ),
        "precision",
        "recall",
    ),
    blind="training images",
    budget="generator",
)
@dataclass(frozen=True)
class SemanticSynthesis(GeneratingTask):
    """Images from GPT over codes, which attend to the patches of a mask (LG-VQ, arXiv 2405.14206, Table 6).

    A segmenter trained on real training images says whether an image shows what its mask asks for. The blind baseline
    shows training images whatever the mask.
    """

    @override
    def protocol(self) -> Mapping[str, object]:
        return {
            "version": 2,
            "condition": "the mask's patch behind each code, as shares of classes in cells of it; no second codebook",
            "mask_agreement": "IoU of the given mask and what a U-Net trained on real training images sees, mean over "
            "the classes in the given mask; @real: of the real test images",
            **self.shared_protocol(),
        }

    @override
    def run(self, work: Work) -> TaskResult:
        """See `bench.contracts.task.Task`.

        Raises:
            DataError: a split has no masks, or classes that no training mask has.
            TrainingDiverged: the generator's loss is not finite.
        """
        training, test = work.dataset["train"], work.dataset["test"]
        masks = {name: _masks(work.dataset[name]) for name in ("train", *work.tests)}
        classes = classes_of(training)
        segmenter = fitted_segmenter(training, work.device, work.checkpoint_of("segmenter"))
        result = TaskResult()
        images = self.generate(
            work, result, lambda codes: MaskCondition(masks, classes, codes.grid, work.budget.width), work.tests
        )
        scores.score(result, images["test"], work, self.extractors)
        compared = [(split.variant, images[name], masks[name]) for name, split in work.tests.items()]
        for variant, pixels, given in [*compared, ("real", test.images, masks["test"])]:
            agreement = mask_agreement(segment(segmenter, pixels, work.device), np.asarray(given))
            result.add("mask_agreement", agreement, variant=variant)
        result.samples["masks.png"] = _sample(masks["test"][:SHOWN], test.images[:SHOWN], images["test"][:SHOWN])
        return result


def _masks(split: Split) -> np.ndarray:
    if split.masks is None:
        raise DataError(f"the {split.name} split has no masks")
    return split.masks


def _sample(masks: np.ndarray, originals: np.ndarray, generated: np.ndarray) -> bytes:
    """Masks, each class in a colour of its own, above the originals above the generated images."""
    colors = np.random.default_rng(0).integers(40, 256, (256, 3)).astype(np.uint8)
    colors[0] = 0
    return grid_png(np.concatenate([colors[masks], originals, generated]), columns=SHOWN, scale=3)
