"""Alignment: what the codes tell about the words of a caption."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bench.contracts.codes import Codes
from bench.contracts.data import DataSet, Split
from bench.contracts.method import MaskAt, Method, TextEncoder, WordPredictor
from bench.contracts.result import Score, TaskResult
from bench.presets import Budget
from bench.registry import tasks
from bench.text.load import load_text_encoder
from tasks.parts.image_controls import PROTOCOL as IMAGE_CONTROLS
from tasks.parts.image_controls import Vectors, image_controls
from tasks.parts.language import similarity
from tasks.parts.language.captions import check_captions, one_each
from tasks.parts.language.masking import masking_turns, most_frequent, piece_names
from tasks.parts.language.word_guesses import guess, score_words, word_table
from tasks.parts.networks import word_probe

MASKED = {"": 1, "/mask-3": 3}
"""Part of the metric's name to how many words of a caption are masked."""
OWN_HEAD: dict[str, MaskAt] = {"own-head": "words", "own-head-after-encoding": "features"}
"""Variant to where words are masked."""


@tasks.register(
    "alignment",
    needs=("captions",),
    metrics=("word_recall", "similarity_mse"),
    blind="caption only",
    reads_text=True,
)
@dataclass(frozen=True)
class Alignment:
    """Masked words of the test captions from frozen codes, and whether words and codes are alike (LG-VQ, Tables 3, 4).

    One probe for every method names the masked words. Where a method has a masked-word head of its own, as in Table 3,
    its values stand beside: "own-head" masks a word before the text encoder reads the caption. LG-VQ's released code
    masks it after that, in the encoder's output, where all later positions still carry it: "own-head-after-encoding"
    shows how far that leak goes. A head trained the released way has never met the encoder's mask token, so compare
    each value with those without an image and with another one first.
    """

    text_encoder: str = "tiny-clip"

    def protocol(self) -> Mapping[str, object]:
        """What determines the values besides the method."""
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

    def skip(self, dataset: DataSet, method: Method | None) -> str | None:  # noqa: ARG002 - part of the contract
        """Every method has code vectors, so nothing is left out."""
        return None

    def run(
        self,
        codes: Mapping[str, Codes] | None,
        dataset: Mapping[str, Split],
        budget: Budget,
        seed: int,
        device: torch.device,
    ) -> TaskResult:
        """See `bench.contracts.Task`; codes None is the same probe without its image part. Only "test" is scored.

        Raises:
            DataError: a training or test image has no caption.
            TrainingDiverged: the probe's loss is not finite.
        """
        train, test = dataset["train"], dataset["test"]
        check_captions(train)
        check_captions(test)
        encoder = load_text_encoder(self.text_encoder, str(device))
        draw = np.random.default_rng([seed, 0])
        captions = one_each(test, range(len(test)), draw)
        ids = encoder.tokenize(captions)
        turns = masking_turns(ids, draw)
        probe = word_probe.fit_word_probe(encoder, train, codes["train"] if codes else None, budget, seed, device)
        readers: dict[str, tuple[WordPredictor, MaskAt]] = {"": (probe, "words")}
        images: dict[str, Vectors] = {"": lambda rows: word_probe.no_codes(rows, device)}
        result = TaskResult(metrics={})
        if codes is not None:
            images = image_controls(codes, draw, device)
            own = codes["test"].words
            if own is not None and torch.equal(own.tokenize(captions), ids):
                readers |= {variant: (own, mask_at) for variant, mask_at in OWN_HEAD.items()}
            elif own is not None:
                why = f"the method's head reads other word pieces than {self.text_encoder}'s; alignment.text_encoder"
                result.skipped["word_recall@own-head"] = f"{why} chooses"
        training = [caption for own_captions in train.captions for caption in own_captions]
        constant = np.full(ids.shape, most_frequent(probe, training))
        names = piece_names(probe, [*captions, *training])
        for part, count in MASKED.items():
            masked = turns < count
            guesses = {"most-frequent": constant}
            for reader, (words, mask_at) in readers.items():
                for image, vectors in images.items():
                    variant = "-".join(filter(None, (reader, image)))
                    guesses[variant] = guess(words, vectors, ids, masked, mask_at, device)
            for variant, guessed in guesses.items():
                score_words(result, part + (f"@{variant}" if variant else ""), guessed, ids.numpy(), masked)
            result.samples[f"mask-{count}.md"] = word_table(captions, ids.numpy(), masked, guesses, names)
        for variant, values in _similarity(codes, train, ids, encoder, probe, draw, device).items():
            result.metrics[f"similarity_mse{variant}"] = Score(float(values.mean()), len(values))
            result.per_example[f"similarity_mse{variant}"] = values
        return result


def _similarity(
    codes: Mapping[str, Codes] | None,
    train: Split,
    ids: Tensor,
    encoder: TextEncoder,
    probe: word_probe.WordProbe,
    draw: np.random.Generator,
    device: torch.device,
) -> dict[str, np.ndarray]:
    """Variant of the similarity to its values, one a caption."""
    words = encoder.word_embeddings.cpu()
    if codes is None or probe.reader is None:
        return {"": similarity.orthogonal_similarity(ids, words)}
    directions = similarity.word_directions(codes["train"], train, encoder, probe.reader, device)
    return similarity.caption_similarity(codes["test"], ids, words, directions, probe.reader, draw)
