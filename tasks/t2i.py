"""Text to image: a generator of codes under a caption, decoded by the method's own decoder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import numpy as np
from typing_extensions import override

from bench.contracts.codes import Codes
from bench.contracts.metric import Metric, MetricName
from bench.contracts.result import TaskResult
from bench.contracts.task import Work
from bench.errors import DataError, NotMeasurable
from bench.images import grid_png
from bench.metrics import clip_score
from bench.registry import tasks
from bench.system import streams
from bench.tasks.parts.generator import placed, scores
from bench.tasks.parts.generator.discrete_diffusion import DiscreteDiffusion
from bench.tasks.parts.generator.model import Autoregressive, CodeModel
from bench.tasks.parts.generator.task import GeneratingTask
from bench.tasks.parts.generator.text_condition import TextCondition
from bench.tasks.parts.language.captions import check_captions, one_each
from bench.tasks.parts.networks.decoding import Sampling
from bench.tasks.parts.networks.detector import detect, fitted_detector
from bench.tasks.parts.samples import markdown_table
from bench.text.load import load_image_text_encoder, load_text_encoder

GENERATORS: dict[str, type[CodeModel]] = {"gpt": Autoregressive, "diffusion": DiscreteDiffusion}
SHOWN = 16
OWN = "own-encoder"
"""Variant: by the encoder that the generator reads captions with."""


@tasks.register(
    "t2i",
    needs=("captions",),
    metrics=(
        Metric(
            "objects_placed",
            higher_is_better=True,
            about="Share of objects that a caption names with their corner, which a detector recognises there.",
        ),
        "r_precision",
        "clip_score",
        "fd",
        "kd",
        "fid",
        "kid",
        "precision",
        "recall",
    ),
    blind="training images",
    budget="generator",
    reads_text=True,
)
@dataclass(frozen=True)
class TextToImage(GeneratingTask):
    """Images made from captions: GPT over codes with classifier-free guidance, or discrete diffusion.

    LG-VQ uses VQ-Diffusion (arXiv 2405.14206, App. A.1), which is `generator=diffusion`; GPT is the default since it
    samples in one pass with a KV cache. Distances compare images for test captions with the test images. The blind
    baseline shows training images whatever the caption: its distance is the floor that chance alone gives, and what
    says whether captions are followed is that of unrelated images. @real is of the test images themselves.

    text_encoder: reads the captions for the generator. judge: says how well images fit them; by the encoder that reads
    them too, which guidance can flatter, values are marked @own-encoder.
    """

    text_encoder: str = "tiny-clip"
    judge: str = "judge"
    generator: Literal["gpt", "diffusion"] = "gpt"
    sampling: ClassVar[Sampling] = Sampling(top_p=0.9, guidance=2.0)
    """docs/choices.md says how it was chosen on validation images."""

    @override
    def protocol(self) -> Mapping[str, object]:
        return {
            "version": 3,
            "generator": self.generator,
            "condition": f"token features of {self.text_encoder}, and learned vectors of its word pieces",
            "text_encoder": load_text_encoder(self.text_encoder).fingerprint(),
            "captions": "one of each image, drawn with the seed; in training another one each time",
            **clip_score.PROTOCOL,
            "judge": f"{self.judge} {_fingerprint(self.judge)}",
            **placed.PROTOCOL,
            **self.shared_protocol(),
        }

    @override
    def run(self, work: Work) -> TaskResult:
        """See `bench.contracts.task.Task`.

        Raises:
            DataError: an image has no caption.
            TrainingDiverged: the generator's loss is not finite.
        """
        rng = streams.generator(work.seed, "test captions")
        for split in work.tests.values():
            check_captions(split)
        captions = {name: one_each(split, range(len(split)), rng) for name, split in work.tests.items()}

        # loaded here, not in `condition`: building a network draws from the global random state, which is set there
        encoder = load_text_encoder(self.text_encoder, str(work.device))

        def condition(_: Codes) -> TextCondition:
            return TextCondition(encoder, work.dataset["train"], captions, work.budget.width, work.seed)

        result = TaskResult()
        images = self.generate(work, result, condition, work.tests, GENERATORS[self.generator])
        scores.score(result, images["test"], work, self.extractors)
        self._score_captions(result, work, images, captions)
        _score_objects(result, work, images, captions)
        rows = enumerate(captions["test"][:SHOWN], 1)
        result.samples["captions.md"] = markdown_table(("image", "caption"), rows)
        result.samples["images.png"] = grid_png(images["test"][:SHOWN], columns=8, scale=3)
        return result

    def _score_captions(
        self, result: TaskResult, work: Work, images: Mapping[str, np.ndarray], captions: Mapping[str, list[str]]
    ) -> None:
        """Add how well images fit their captions, by the judge, and by the encoder that the generator learns from."""
        if self.judge != self.text_encoder:
            _score_fit(result, work, self.judge, _compared(work, images, captions))
        _score_fit(result, work, self.text_encoder, [Compared(OWN, images["test"], captions["test"])])


class Compared(NamedTuple):
    """Images uint8 [N, H, W, 3] with a caption each, and the variant that their values are marked with."""

    variant: str
    images: np.ndarray
    captions: list[str]


def _compared(work: Work, images: Mapping[str, np.ndarray], captions: Mapping[str, list[str]]) -> list[Compared]:
    """The generated images of each test split, and the real ones of the first."""
    made = [Compared(split.variant, images[name], captions[name]) for name, split in work.tests.items()]
    return [*made, Compared(scores.REAL, np.asarray(work.dataset["test"].images), captions["test"])]


def _score_fit(result: TaskResult, work: Work, name: str, compared: list[Compared]) -> None:
    """Add CLIP score and R-precision by one encoder."""
    source = name.replace("/", "-")
    try:
        encoder = load_image_text_encoder(name, str(work.device))
    except DataError as error:
        for metric in ("clip_score", "r_precision"):
            result.skip(f"{metric}_{source}", str(error))
        return
    for variant, images, captions in compared:
        try:
            cosines = clip_score.cosines(encoder, images, captions)
        except NotMeasurable as error:
            for metric in ("clip_score", "r_precision"):
                result.skip(str(MetricName(metric, source, variant=variant)), str(error))
            continue
        result.add("clip_score", clip_score.clip_score(cosines), source=source, variant=variant)
        with result.attempt("r_precision", f"captions, {variant or 'test'}", source=source, variant=variant):
            rng = streams.generator(work.seed, "distractors")
            nearest = clip_score.r_precision(cosines, captions, rng)
            result.add("r_precision", nearest, source=source, variant=variant)


def _score_objects(
    result: TaskResult, work: Work, images: Mapping[str, np.ndarray], captions: Mapping[str, list[str]]
) -> None:
    """Add which of the objects that captions name are recognised where they should be."""
    with result.attempt(placed.PLACED, "the data set"):
        detector = fitted_detector(work.dataset["train"], work.device, work.checkpoint_of("detector"))
        for variant, pixels, texts in _compared(work, images, captions):
            seen = detect(detector, pixels, work.device)
            placed.score(result, placed.asked(texts, detector.names), seen, variant)


def _fingerprint(judge: str) -> str | None:
    try:
        return load_text_encoder(judge).fingerprint()
    except DataError:
        return None
