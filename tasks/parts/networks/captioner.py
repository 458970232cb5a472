"""A network that writes captions from codes: fitting it, and decoding captions from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.contracts.codes import Codes
from bench.contracts.task import Work
from bench.presets import Budget
from bench.system import streams
from bench.system.batches import shuffled
from bench.system.precision import autocast
from bench.tasks.parts.image_controls import own_vectors
from bench.tasks.parts.language.captions import one_each
from bench.tasks.parts.language.vocabulary import END, PADDING, Vocabulary
from bench.tasks.parts.networks import head
from bench.tasks.parts.networks.decoder import Decoder, DecoderReader
from bench.tasks.parts.networks.decoding import Sampling, beam_search, generate
from bench.tasks.parts.networks.transformer import START_OF_POSITIONS, Transformer

WORDS = 40
"""Longest caption, its end counted."""
BEAMS = 5
SAMPLING = Sampling(top_p=0.8)
BATCH = 100
PER_IMAGE = 4
"""Captions of an image in a training step; the image is read once for them."""
RATE = 10
"""AdamW's learning rate in the budget's: at the budget's own, captions come to say late which object is where."""

PROTOCOL = {
    "words": f"plain vocabulary of the training captions, cut to {WORDS - 1} words",
    "captions": f"{PER_IMAGE} of each image, drawn anew in every training step",
    **head.PROTOCOL,
    "start": f"learned positions from N(0, {START_OF_POSITIONS}^2), words from N(0, 1)",
    "rate": f"AdamW's is {RATE} times the budget's",
}

Decoding = Callable[[DecoderReader, torch.Generator], Tensor]
"""From a model that looks at B images, and a random generator, to word ids int64 [B, WORDS]."""


class Captioner(nn.Module):
    """Predicts each word of a caption from an image's code vectors and the words before it."""

    def __init__(self, words: int, budget: Budget, training: Codes) -> None:
        super().__init__()
        self.reader = head.CodeReader(training, budget.width)
        self.image = Transformer(budget.width, budget.layers, training.grid[0] * training.grid[1])
        self.decoder = Decoder(words, budget.width, budget.layers, WORDS, context=True)

    def read(self, vectors: Tensor) -> Tensor:
        """What captions attend to, [B, P, width], from code vectors [B, P, D]."""
        return self.image(self.reader(vectors))

    def forward(self, vectors: Tensor, ids: Tensor) -> Tensor:
        """Logits [M, W] of the M words in captions, given those before them, of all W words.

        vectors: code vectors [B, P, D]. ids: captions int64 [B * n, T], those of an image together.
        """
        return self.decoder(ids[:, :-1], self.read(vectors), asked=ids != PADDING)


def fit(model: Captioner, vocabulary: Vocabulary, work: Work) -> None:
    """Learn the captions of the training split; raises TrainingDiverged where the loss is not finite."""
    split, vectors = work.dataset["train"], own_vectors(work.codes_of("train"), work.device)
    rng = streams.generator(work.seed, "batches")
    batches = shuffled(len(split), work.budget.batch_size, rng)

    def loss() -> Tensor:
        rows = next(batches)
        ids = vocabulary.encode(one_each(split, rows.repeat(PER_IMAGE).tolist(), rng), WORDS)  # [B * n, WORDS]
        longest = int((ids != PADDING).sum(1).max())
        target = torch.from_numpy(ids[:, :longest]).to(work.device)  # [B * n, T]
        return F.cross_entropy(model(vectors(rows), target).float(), target[target != PADDING])

    budget = replace(work.budget, learning_rate=RATE * work.budget.learning_rate)
    head.fit(model, loss, budget, work.device, (rng, batches), work.checkpoint_of("captioner"))


def write(
    model: Captioner, vocabulary: Vocabulary, codes: Codes, decode: Decoding, seed: int, device: torch.device
) -> list[str]:
    """A caption of each image, its words in lower case with a space between them."""
    words = list(vocabulary.ids)
    rng = torch.Generator(device).manual_seed(seed)
    captions = []
    for start in range(0, len(codes), BATCH):
        rows = np.arange(start, min(start + BATCH, len(codes)))
        with torch.inference_mode(), autocast(device):
            context = model.read(codes.vectors(rows, device))
            reader = DecoderReader(model.decoder, len(rows), WORDS, context)
            ids = decode(reader, rng)  # [B, WORDS]
        for row in ids.tolist():
            caption = row[: row.index(END)] if END in row else row
            captions.append(" ".join(words[number - END - 1] for number in caption if number > END))
    return captions


def log_likelihoods(
    model: Captioner,
    vocabulary: Vocabulary,
    codes: Codes,
    images: np.ndarray,
    captions: Sequence[str],
    device: torch.device,
) -> np.ndarray:
    """Log likelihoods of a caption of each of these images, in nats, float64 [N]; words past `WORDS` do not count."""
    found = []
    for start in range(0, len(images), BATCH):
        ids = torch.from_numpy(vocabulary.encode(captions[start : start + BATCH], WORDS)).to(device)  # [B, WORDS]
        vectors = codes.vectors(images[start : start + BATCH], device)
        with torch.inference_mode(), autocast(device):
            logits = model(vectors, ids).float()  # [M, words]
        losses = torch.zeros(ids.shape, device=device)
        losses[ids != PADDING] = F.cross_entropy(logits, ids[ids != PADDING], reduction="none")
        found.append(-losses.sum(1).double().cpu().numpy())
    return np.concatenate(found)


def _beam(reader: DecoderReader, rng: torch.Generator) -> Tensor:  # noqa: ARG001 - a `Decoding`
    return beam_search(reader, WORDS, BEAMS, END)


def _nucleus(reader: DecoderReader, rng: torch.Generator) -> Tensor:
    return generate(reader, WORDS, SAMPLING, rng)


DECODINGS: Mapping[str, tuple[Decoding, str]] = {
    "beam": (_beam, f"beam search with {BEAMS} beams, by mean log probability"),
    "nucleus": (_nucleus, f"drawn from the likeliest words that hold {SAMPLING.top_p} of the probability"),
}
"""Name to how captions are decoded and to its description in a protocol."""
