"""Captioning: a caption is written from frozen codes."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from typing_extensions import override

from bench.contracts.codes import Codes
from bench.contracts.data import Split
from bench.contracts.metric import Metric, MetricName
from bench.contracts.result import TaskResult
from bench.contracts.task import Task, Work
from bench.errors import NotMeasurable
from bench.images import grid_png
from bench.metrics.captions import Scored, caption_length, distinct_captions, novelty
from bench.registry import tasks
from bench.tasks.parts.language import caption_scores
from bench.tasks.parts.language.captions import check_captions
from bench.tasks.parts.language.named_corners import PROTOCOL as EXCHANGED_CORNERS
from bench.tasks.parts.language.named_corners import exchanged
from bench.tasks.parts.language.named_objects import PROTOCOL as NAMED_OBJECTS
from bench.tasks.parts.language.named_objects import objects_named
from bench.tasks.parts.language.vocabulary import WORD, Vocabulary
from bench.tasks.parts.networks import captioner
from bench.tasks.parts.samples import evenly_spaced, markdown_table

OF_REFERENCES = ("cider_d", "bleu_4", "bleu_1", "bleu_2", "bleu_3", "rouge_l", "meteor", "spice")
"""What captions are compared with references by."""
FURTHER = ("cider_d", "bleu_4")
"""What is measured on further test splits."""
OF_ALL = ("bleu", "meteor")
"""Metrics whose value is not the mean over captions: what they count is added up over all captions first."""


@tasks.register(
    "captioning",
    needs=("captions",),
    metrics=(  # the first that is measured is what methods are ordered by; why it is not CIDEr-D: docs/tasks.md
        Metric(
            "objects_named",
            higher_is_better=True,
            about="Share of captions that name every object of the image once, and no other.",
        ),
        "cider_d",
        "bleu_4",
        "bleu_1",
        "bleu_2",
        "bleu_3",
        "rouge_l",
        "meteor",
        "spice",
        Metric(
            "caption_length", higher_is_better=None, unit="words", about="Words of a caption, punctuation not counted."
        ),
        Metric(
            "corner_choice",
            higher_is_better=True,
            about="Share of captions that the network finds likelier than the same with two corners exchanged.",
        ),
        Metric("novelty", higher_is_better=None, about="Share of captions that are no training caption."),
        Metric(
            "distinct_captions",
            higher_is_better=None,
            about="Number of different captions over the number of captions.",
        ),
    ),
    blind="most frequent caption",
)
@dataclass(frozen=True)
class Captioning(Task):
    """Captions from the code vectors, word by word (LG-VQ, arXiv 2405.14206, App. A.1, after ClipCap).

    There a GPT reads the vectors as a prefix; here words attend to an encoding of them, since with a prefix captions
    did not come to say which object is in which corner. The network is trained from scratch, for the paper does not say
    which weights it starts from, and writes by beam search or nucleus sampling, as ClipCap does. The blind baseline
    says the most frequent training caption of every image.
    """

    decoding: Literal["beam", "nucleus"] = "beam"

    @override
    def protocol(self) -> Mapping[str, object]:
        _, decoding = captioner.DECODINGS[self.decoding]
        return {
            "version": 3,
            "decoding": decoding,
            "objects named": NAMED_OBJECTS,
            "corner choice": EXCHANGED_CORNERS,
            **captioner.PROTOCOL,
            **caption_scores.protocol(),
        }

    @override
    def run(self, work: Work) -> TaskResult:
        """See `bench.contracts.task.Task`.

        Raises:
            DataError: an image has no captions, or not a list of strings.
            TrainingDiverged: the head's loss is not finite.
        """
        for split in (work.dataset["train"], *work.tests.values()):
            check_captions(split)
            caption_scores.check_references(dict(enumerate(split.captions)))
        training = [text for captions in work.dataset["train"].captions for text in captions]
        result = TaskResult()
        if work.codes is None:
            written = {name: [_most_frequent(training)] * len(split) for name, split in work.tests.items()}
            result.skip("corner_choice", "one caption for all images tells none apart")
        else:
            written = self._write(result, work, work.codes, Vocabulary(training))
        for name, split in work.tests.items():
            for metric, scored in _scores(result, split, written[name], training).items():
                _add(result, metric, scored, split.variant)
            with result.attempt("objects_named", f"the {name} split", variant=split.variant):
                named = objects_named(split, written[name], work.dataset["train"].boxes)
                result.add("objects_named", named, variant=split.variant)
        result.samples = _samples(work.dataset["test"], written["test"])
        return result

    def _write(
        self, result: TaskResult, work: Work, codes: Mapping[str, Codes], vocabulary: Vocabulary
    ) -> dict[str, list[str]]:
        """Captions of the images of all test splits, from a network fitted to the training split."""
        seed, device = work.seed, work.device
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = captioner.Captioner(len(vocabulary), work.budget, codes["train"]).to(device)
        captioner.fit(model, vocabulary, work)
        decode, _ = captioner.DECODINGS[self.decoding]
        written = {}
        for name in work.tests:
            started = time.perf_counter()
            written[name] = captioner.write(model, vocabulary, codes[name], decode, seed, device)
            if name == "test":
                result.cost["caption_ms_per_image"] = 1000 * (time.perf_counter() - started) / len(written[name])
                with result.attempt("corner_choice", "the test split"):
                    pairs = exchanged(work.dataset["test"].captions)
                    images = np.array([pair.image for pair in pairs])
                    own, other = (
                        captioner.log_likelihoods(model, vocabulary, codes["test"], images, texts, device)
                        for texts in ([pair.caption for pair in pairs], [pair.other for pair in pairs])
                    )
                    result.add("corner_choice", own > other, images=images)
        return written


def _most_frequent(texts: Sequence[str]) -> str:
    """Most frequent text; ties go to the alphabetically first."""
    times = Counter(texts)
    return min(times, key=lambda text: (-times[text], text))


def _scores(result: TaskResult, split: Split, written: Sequence[str], training: Sequence[str]) -> dict[str, Scored]:
    """What is measured of a test split's captions, by name; the result says why a metric could not be measured."""
    references, captions = caption_scores.tokenized(dict(enumerate(written)), dict(enumerate(split.captions)))
    found, of_java = dict[str, Scored](), dict[str, Scored]()
    try:
        found = caption_scores.scores(references, captions)
    except NotMeasurable as error:
        for metric in FURTHER if split.variant else OF_REFERENCES:
            result.skip(str(MetricName(metric, variant=split.variant)), f"the {split.name} split: {error}")
    if split.variant:
        return {name: found[name] for name in FURTHER if name in found}
    if found:
        of_java, skipped = caption_scores.java_scores(references, captions, split.cache)
        for metric, why in skipped.items():
            result.skip(metric, why)
    plain = [_plain(text) for text in written]
    new, different = novelty(plain, {_plain(text) for text in training}), distinct_captions(plain)
    length = caption_length(captions)
    return {**found, **of_java, "caption_length": length, "novelty": new, "distinct_captions": different}


def _add(result: TaskResult, name: str, scored: Scored, variant: str) -> None:
    """Add a score under its name, such as "bleu_4"."""
    metric, source, *_ = MetricName.parse(name, OF_ALL)
    if metric in OF_ALL:
        result.add_whole(
            metric,
            scored.value,
            len(scored.per_image),
            source=source,
            variant=variant,
            per_example=scored.per_image,
            error=scored.error,
        )
    else:
        result.add(metric, scored.per_image, variant=variant)


def _plain(text: str) -> str:
    """A caption as the network could have written it."""
    return " ".join(WORD.findall(text.lower())[: captioner.WORDS - 1])


def _samples(split: Split, written: Sequence[str]) -> dict[str, bytes | str]:
    """Evenly spaced images with the caption written for them and two references, row by row."""
    shown = evenly_spaced(len(split))
    rows = [(number, written[row], " / ".join(split.captions[row][:2])) for number, row in enumerate(shown, 1)]
    images = np.stack([split.images[row] for row in shown])
    table = markdown_table(("image", "caption", "references"), rows)
    return {"captions.md": table, "images.png": grid_png(images, columns=4, scale=3)}
