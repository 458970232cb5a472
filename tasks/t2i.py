"""Text to image: a generator of codes under a caption, decoded by the method's own decoder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from bench.contracts.codes import Codes
from bench.contracts.data import DataSet, Split
from bench.contracts.method import Method
from bench.contracts.result import Score, TaskResult
from bench.errors import DataError
from bench.images import grid_png
from bench.metrics import clip_score
from bench.metrics.image_sets import DEFAULT_EXTRACTORS
from bench.presets import Budget
from bench.registry import tasks
from bench.text import load_text_encoder
from tasks.parts.generator import sample, scores
from tasks.parts.generator.discrete_diffusion import DiscreteDiffusion
from tasks.parts.generator.fit import fitted
from tasks.parts.generator.model import Autoregressive, CodeModel, no_indices
from tasks.parts.generator.sample import make_images
from tasks.parts.generator.text_condition import TextCondition
from tasks.parts.language.captions import check_captions, one_each
from tasks.parts.networks.gpt import Sampling

GENERATORS: dict[str, type[CodeModel]] = {"gpt": Autoregressive, "diffusion": DiscreteDiffusion}
SAMPLING = Sampling(top_p=0.95, guidance=3.0)
"""The same for every method; docs/choices.md says how it was chosen on validation images."""
SHOWN = 24


@tasks.register(
    "t2i",
    needs=("captions",),
    metrics=("fd", "kd", "fid", "kid", "clip_score", "r_precision", "precision", "recall"),
    blind="training images",
    budget="generator",
    reads_text=True,
)
@dataclass(frozen=True)
class TextToImage:
    """Images made from captions: GPT over codes with classifier-free guidance, or discrete diffusion.

    LG-VQ uses VQ-Diffusion (arXiv 2405.14206, App. A.1), which is `generator=diffusion`; GPT is the default since it
    samples in one pass with a KV cache. Distances compare images for test captions with the test images. The blind
    baseline shows training images whatever the caption: its distance is the floor that chance alone gives, its CLIP
    score and R-precision are those of unrelated images.
    """

    text_encoder: str = "tiny-clip"
    generator: Literal["gpt", "diffusion"] = "gpt"
    extractors: tuple[str, ...] = DEFAULT_EXTRACTORS

    def protocol(self) -> Mapping[str, object]:
        """What determines the values besides the method."""
        return {
            "version": 1,
            "generator": self.generator,
            "condition": f"token features of {self.text_encoder}",
            "text_encoder": load_text_encoder(self.text_encoder).fingerprint(),
            "captions": "one of each image, drawn with the seed; in training another one each time",
            **clip_score.PROTOCOL,
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
        """See `bench.contracts.Task`; `codes` None shows a random training image for each caption.

        Raises:
            DataError: an image has no caption.
            TrainingDiverged: the generator's loss is not finite.
        """
        draw = np.random.default_rng([seed, 2])
        tests = [name for name in dataset if name.startswith("test")]
        for name in tests:
            check_captions(dataset[name])
        captions = {name: one_each(dataset[name], range(len(dataset[name])), draw) for name in tests}
        result = TaskResult(metrics={})
        if codes is None:
            made = {name: scores.training_images(dataset["train"], len(dataset[name]), seed) for name in tests}
        else:
            encoder = load_text_encoder(self.text_encoder, str(device))
            model, result.cost["generator_fit_s"] = fitted(
                GENERATORS[self.generator],
                lambda: TextCondition(encoder, dataset["train"], captions, budget.width, seed),
                codes["train"],
                budget,
                seed,
                device,
                dataset["train"].cache,
            )
            made = {}
            for name in tests:
                found = make_images(model, codes[name], name, SAMPLING, seed, device)
                made[name] = found.images
                if name == "test":
                    result.cost["generate_ms_per_image"] = found.ms_per_image

        scores.score(result, made["test"], dataset, self.extractors, device)
        for name in tests:
            self._score_captions(result, name, made[name], captions[name], draw, device)
        result.samples = _samples(made["test"], captions["test"])
        return result

    def _score_captions(
        self,
        result: TaskResult,
        split: str,
        images: np.ndarray,
        captions: list[str],
        draw: np.random.Generator,
        device: torch.device,
    ) -> None:
        """How well images fit their captions, per image; with the encoder's name."""
        suffix = f"_{self.text_encoder.replace('/', '-')}" + (
            "" if split == "test" else f"@{split.removeprefix('test-')}"
        )
        try:
            encoder = clip_score.load_image_text_encoder(self.text_encoder, str(device))
        except DataError as error:
            result.skipped |= dict.fromkeys((f"clip_score{suffix}", f"r_precision{suffix}"), str(error))
            return
        found = clip_score.cosines(encoder, images, captions)
        for name, values in {
            f"clip_score{suffix}": clip_score.clip_score(found),
            f"r_precision{suffix}": clip_score.r_precision(found, captions, draw),
        }.items():
            result.metrics[name] = Score(float(values.mean(dtype=np.float64)), len(values))
            result.per_example[name] = values


def _samples(images: np.ndarray, captions: list[str]) -> dict[str, bytes | str]:
    """Images for the first captions, row by row."""
    lines = ["| image | caption |", "|--:|---|"]
    lines += [f"| {number} | {caption} |" for number, caption in enumerate(captions[:SHOWN], 1)]
    return {"captions.md": "\n".join(lines) + "\n", "images.png": grid_png(images[:SHOWN], columns=8, scale=3)}
