"""Text to image: a generator of codes under a caption, decoded by the method's own decoder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from typing_extensions import override

from bench.contracts.codes import Codes
from bench.contracts.result import TaskResult
from bench.contracts.task import Work
from bench.errors import DataError
from bench.images import grid_png
from bench.metrics import clip_score
from bench.registry import tasks
from bench.system import streams
from bench.tasks.parts.generator import scores
from bench.tasks.parts.generator.discrete_diffusion import DiscreteDiffusion
from bench.tasks.parts.generator.model import Autoregressive, CodeModel
from bench.tasks.parts.generator.task import GeneratingTask
from bench.tasks.parts.generator.text_condition import TextCondition
from bench.tasks.parts.language.captions import check_captions, one_each
from bench.tasks.parts.networks.decoding import Sampling
from bench.tasks.parts.samples import markdown_table
from bench.text.load import load_image_text_encoder, load_text_encoder

GENERATORS: dict[str, type[CodeModel]] = {"gpt": Autoregressive, "diffusion": DiscreteDiffusion}
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
class TextToImage(GeneratingTask):
    """Images made from captions: GPT over codes with classifier-free guidance, or discrete diffusion.

    LG-VQ uses VQ-Diffusion (arXiv 2405.14206, App. A.1), which is `generator=diffusion`; GPT is the default since it
    samples in one pass with a KV cache. Distances compare images for test captions with the test images. The blind
    baseline shows training images whatever the caption: its distance is the floor that chance alone gives, its CLIP
    score and R-precision are those of unrelated images.
    """

    text_encoder: str = "tiny-clip"
    generator: Literal["gpt", "diffusion"] = "gpt"
    sampling: ClassVar[Sampling] = Sampling(top_p=0.95, guidance=3.0)
    """docs/choices.md says how it was chosen on validation images."""

    @override
    def protocol(self) -> Mapping[str, object]:
        return {
            "version": 1,
            "generator": self.generator,
            "condition": f"token features of {self.text_encoder}",
            "text_encoder": load_text_encoder(self.text_encoder).fingerprint(),
            "captions": "one of each image, drawn with the seed; in training another one each time",
            **clip_score.PROTOCOL,
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
        self._score_captions(result, work, images, captions, rng)
        rows = enumerate(captions["test"][:SHOWN], 1)
        result.samples["captions.md"] = markdown_table(("image", "caption"), rows)
        result.samples["images.png"] = grid_png(images["test"][:SHOWN], columns=8, scale=3)
        return result

    def _score_captions(
        self,
        result: TaskResult,
        work: Work,
        images: Mapping[str, np.ndarray],
        captions: Mapping[str, list[str]],
        rng: np.random.Generator,
    ) -> None:
        """Add how well the images of each test split fit their captions, by the encoder's judgement."""
        source = self.text_encoder.replace("/", "-")
        try:
            encoder = load_image_text_encoder(self.text_encoder, str(work.device))
        except DataError as error:
            result.skip(f"clip_score_{source}", str(error))
            result.skip(f"r_precision_{source}", str(error))
            return
        for name, split in work.tests.items():
            cosines = clip_score.cosines(encoder, images[name], captions[name])
            result.add("clip_score", clip_score.clip_score(cosines), source=source, variant=split.variant)
            with result.attempt("r_precision", f"the {name} split", source=source, variant=split.variant):
                nearest = clip_score.r_precision(cosines, captions[name], rng)
                result.add("r_precision", nearest, source=source, variant=split.variant)
