"""A probe of frozen codes: it predicts masked words of a caption from its other words and the image's codes."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.contracts.codes import Codes
from bench.contracts.method import MaskAt, TextEncoder
from bench.contracts.task import Work
from bench.presets import Budget
from bench.system import streams
from bench.system.batches import shuffled
from bench.system.precision import autocast
from bench.tasks.parts.image_controls import own_vectors
from bench.tasks.parts.language.captions import one_each
from bench.tasks.parts.language.masking import masking_ranks
from bench.tasks.parts.networks import head
from bench.tasks.parts.networks.transformer import Transformer

PADDING = 0
PER_IMAGE = 4
"""Captions of an image in a training step."""
MOST = 3
"""Word pieces masked in a caption of a training step."""

PROTOCOL = {
    "probe": "a transformer over codes; a transformer over the caption's word pieces attends to it and names the "
    "masked ones by a linear map to the vocabulary; embeddings, also the mask's, are learned from scratch",
    "probe's training": f"{PER_IMAGE} captions of an image in a step, drawn anew, 1 to {MOST} random word pieces of "
    "each masked; mean cross-entropy of the masked ones",
    **head.PROTOCOL,
}


class WordProbe(nn.Module):
    """A `WordPredictor` of the shape of LG-VQ's masked-word model (arXiv 2405.14206, section 3.2).

    As there, text attends to itself and to an encoding of the codes. Unlike there, no text encoder has read the
    caption, so a masked word is hidden from all of it. Without codes (`training` None) it reads the caption alone.
    """

    def __init__(self, encoder: TextEncoder, training: Codes | None, budget: Budget) -> None:
        super().__init__()
        width, layers = budget.width, budget.layers
        self.tokenize, self.mask = encoder.tokenize, encoder.vocabulary
        self.words = nn.Embedding(encoder.vocabulary + 1, width)
        self.caption = Transformer(width, layers, encoder.length, cross=training is not None)
        self.word = nn.Linear(width, encoder.vocabulary)
        self.reader = None if training is None else head.CodeReader(training, width)
        if training is not None:
            self.image = Transformer(width, layers, training.grid[0] * training.grid[1])

    def forward(self, vectors: Tensor, ids: Tensor, predict: Tensor) -> Tensor:
        """Logits [M, words] of the M masked words.

        Args:
            vectors: code vectors [B, h*w, D], not read by a probe without codes.
            ids: captions int64 [C, L], C a multiple of B: consecutive captions share an image.
            predict: bool [C, L], the masked words.
        """
        context = None if self.reader is None else self.image(self.reader(vectors))
        read = self.words(ids.masked_fill(predict, self.mask))  # [C, L, W]
        return self.word(self.caption.packed(read, ids != PADDING, predict, context))

    def word_logits(self, vectors: Tensor, ids: Tensor, predict: Tensor, mask_at: MaskAt) -> Tensor:  # noqa: ARG002
        """See `bench.contracts.method.WordPredictor`; it has no text encoder, so only words can be masked."""
        with autocast(ids.device):
            logits: Tensor = self(vectors, ids, predict)
            return logits


def fit_word_probe(encoder: TextEncoder, work: Work) -> WordProbe:
    """A probe fitted on the training split, whose images all have a caption; the global random state stays as it is.

    Raises:
        TrainingDiverged: the loss is not finite.
    """
    split, codes, device = work.dataset["train"], work.codes_of("train"), work.device
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(work.seed)
        probe = WordProbe(encoder, codes, work.budget).to(device)
    rng = streams.generator(work.seed, "probe batches")
    batches = shuffled(len(split), work.budget.batch_size, rng)
    vectors = own_vectors(codes, device)

    def loss() -> Tensor:
        rows = next(batches)  # [B]
        ids = encoder.tokenize(one_each(split, np.repeat(rows, PER_IMAGE), rng))  # [C, L], C = B x PER_IMAGE
        ids = ids[:, : int((ids != PADDING).sum(1).max())]
        counts = rng.integers(1, MOST + 1, (len(ids), 1))
        predict = torch.from_numpy(masking_ranks(ids, rng) < counts).to(device)  # bool [C, L]
        ids = ids.to(device)
        losses = F.cross_entropy(probe(vectors(rows), ids, predict).float(), ids[predict], reduction="sum")
        return losses / predict.sum().clamp(min=1)

    head.fit(probe, loss, work.budget, device, (rng, batches), work.checkpoint_of("probe"))
    return probe
