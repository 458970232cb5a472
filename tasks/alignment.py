"""Alignment: what the codes tell about the words of a caption."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from typing_extensions import override

from bench.contracts.method import MaskAt, TextEncoder, WordPredictor
from bench.contracts.metric import Metric
from bench.contracts.result import TaskResult
from bench.contracts.task import Task, Work
from bench.registry import tasks
from bench.system import streams
from bench.tasks.parts.image_controls import PROTOCOL as IMAGE_CONTROLS
from bench.tasks.parts.image_controls import Vectors, image_controls, own_vectors, skip_missing
from bench.tasks.parts.language import similarity
from bench.tasks.parts.language.captions import check_captions, one_each
from bench.tasks.parts.language.masking import masking_ranks, most_frequent, piece_names
from bench.tasks.parts.language.word_guesses import guess, score_words, word_table
from bench.tasks.parts.networks import word_probe
from bench.text.load import load_text_encoder

MASKED = {"": 1, "mask-3": 3}
"""Part of the metric's name to how many words of a caption are masked."""
OWN_HEAD: dict[str, MaskAt] = {"own-head": "words", "own-head-after-encoding": "features"}
"""Variant to where words are masked."""

Reader = tuple[WordPredictor, MaskAt]
"""Who guesses words, and where they are masked for it."""


@tasks.register(
    "alignment",
    needs=("captions",),
    metrics=(
        Metric("word_recall", higher_is_better=True, about="Share of masked caption words that are guessed: recall@1."),
        Metric(
            "similarity_mse",
            higher_is_better=False,
            about="Mean squared difference between cosines of words and of their codes (arXiv 2405.14206, Table 4).",
        ),
    ),
    blind="caption only",
    reads_text=True,
)
@dataclass(frozen=True)
class Alignment(Task):
    """Masked words of the test captions from frozen codes, and whether words and codes are alike (LG-VQ, Tables 3, 4).

    One probe for every method names the masked words. Where a method has a masked-word head of its own, as in Table 3,
    its values stand beside: "own-head" masks a word before the text encoder reads the caption. LG-VQ's released code
    masks it after that, in the encoder's output, where all later positions still carry it: "own-head-after-encoding"
    shows how far that leak goes. A head trained the released way has never met the encoder's mask token, so compare
    each value with those without an image and with another one first. The blind baseline is the same probe without
    its image part.
    """

    text_encoder: str = "tiny-clip"

    @override
    def protocol(self) -> Mapping[str, object]:
        return {
            "version": 2,
            "score": "share of all masked words whose best guess over the whole vocabulary is right",
            "words": f"word pieces of {self.text_encoder}",
            "text_encoder": load_text_encoder(self.text_encoder).fingerprint(),
            "captions": "one of each test image, drawn with the seed",
            "masked": "1 word piece of a caption (mask-3: 3) drawn with the seed, nested; all where it has fewer",
            "own-head": "the method's own head; the text encoder's mask token stands for the word, and the method's "
            "own for what is encoded of it",
            "own-head-after-encoding": "the method's own mask only; the text encoder has read the word",
            "most-frequent": "always the most frequent word piece of all training captions",
            **IMAGE_CONTROLS,
            **similarity.PROTOCOL,
            **word_probe.PROTOCOL,
        }

    @override
    def run(self, work: Work) -> TaskResult:
        """Only "test" is scored.

        Raises:
            DataError: a training or test image has no caption.
            TrainingDiverged: the probe's loss is not finite.
        """
        train, test = work.dataset["train"], work.dataset["test"]
        check_captions(train)
        check_captions(test)
        encoder = load_text_encoder(self.text_encoder, str(work.device))
        rng = streams.generator(work.seed, "test examples")
        captions = one_each(test, range(len(test)), rng)
        ids = encoder.tokenize(captions)
        ranks = masking_ranks(ids, rng)
        probe = word_probe.fit_word_probe(encoder, work)
        result = TaskResult()
        images: dict[str, Vectors] = {"": own_vectors(None, work.device)}
        readers: dict[str, Reader] = {"": (probe, "words")}
        if work.codes is not None:
            images = image_controls(work.codes, rng, work.device)
            skip_missing(result, images, [f"word_recall{part and f'/{part}'}" for part in MASKED])
            readers |= self._own_head(result, work.codes["test"].words, captions, ids)
        training = [caption for of_image in train.captions for caption in of_image]
        constant: dict[str, np.ndarray] = {}
        with result.attempt("word_recall", "the train split", variant="most-frequent"):
            constant["most-frequent"] = np.full(ids.shape, most_frequent(probe, training))
        names = piece_names(probe, [*captions, *training])
        for part, count in MASKED.items():
            masked = ranks < count
            guesses = {**constant, **_guesses(readers, images, ids, masked, work.device)}
            for variant, guessed in guesses.items():
                with result.attempt("word_recall", "the test split", part=part, variant=variant):
                    score_words(result, guessed, ids.numpy(), masked, part, variant)
            result.samples[f"mask-{count}.md"] = word_table(captions, ids.numpy(), masked, guesses, names)
        for variant, values in _similarity(work, ids, encoder, probe, rng).items():
            with result.attempt("similarity_mse", "captions of two words in the test split", variant=variant):
                result.add("similarity_mse", values, variant=variant)
        return result

    def _own_head(
        self, result: TaskResult, head: WordPredictor | None, captions: list[str], ids: Tensor
    ) -> dict[str, Reader]:
        """The method's own head by variant, if it has one and cuts the captions into the same word pieces."""
        if head is None:
            return {}
        if not torch.equal(head.tokenize(captions), ids):
            result.skip(
                "word_recall@own-head",
                f"the method's head reads other word pieces than {self.text_encoder}'s; alignment.text_encoder chooses",
            )
            return {}
        return {variant: (head, mask_at) for variant, mask_at in OWN_HEAD.items()}


def _guesses(
    readers: Mapping[str, Reader],
    images: Mapping[str, Vectors],
    ids: Tensor,
    masked: np.ndarray,
    device: torch.device,
) -> dict[str, np.ndarray]:
    """Guessed word ids int64 [N, L] of each reader with each kind of image, by variant, such as "own-head-no-image"."""
    return {
        "-".join(filter(None, (reader, image))): guess(words, vectors, ids, masked, mask_at, device)
        for reader, (words, mask_at) in readers.items()
        for image, vectors in images.items()
    }


def _similarity(
    work: Work, ids: Tensor, encoder: TextEncoder, probe: word_probe.WordProbe, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Similarity MSE of each caption with at least two different words, float64 [N], by variant."""
    words = encoder.word_embeddings.cpu()
    if work.codes is None or probe.reader is None:
        return {"": similarity.orthogonal_similarity(ids, words)}
    train, test = work.codes["train"], work.codes["test"]
    directions = similarity.word_directions(train, work.dataset["train"], encoder, probe.reader, work.device)
    return similarity.caption_similarity(test, ids, words, directions, probe.reader, rng)
