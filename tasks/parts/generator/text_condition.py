"""Captions as the condition of a generator."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import nn

from bench.contracts.data import Split
from bench.contracts.method import TextEncoder
from bench.system import streams
from bench.tasks.parts.generator.model import Context
from bench.tasks.parts.language.captions import check_captions, one_each


class TextCondition(nn.Module):
    """Token features of a frozen text encoder, standardised and mapped to the generator's width, and learned vectors
    of the same word pieces, which are added: from features alone generators learn what captions name, but not where.

    Each time a training image is read, one of its captions is drawn; images of other splits have one caption each.

    Args:
        captions: split name to one caption an image.

    Raises:
        DataError: a training image has no caption.
    """

    def __init__(
        self, encoder: TextEncoder, training: Split, captions: Mapping[str, list[str]], width: int, seed: int
    ) -> None:
        super().__init__()
        check_captions(training)
        self.encoder, self.training_split, self.captions = encoder, training, captions
        self.length, self.identity = encoder.length, encoder.fingerprint()
        self.rng = streams.generator(seed, "captions")
        self.draws: tuple[np.random.Generator, ...] = (self.rng,)
        self.read = nn.Sequential(
            nn.LayerNorm(encoder.width, elementwise_affine=False), nn.Linear(encoder.width, width)
        )
        self.words = nn.Embedding(encoder.vocabulary, width)

    def forward(self, split: str, rows: np.ndarray) -> Context:
        """The words of a caption of each image, [B, L, width], up to the longest caption."""
        if split == "train":
            texts = one_each(self.training_split, rows, self.rng)
        else:
            texts = [self.captions[split][row] for row in rows]
        ids = self.encoder.tokenize(texts)  # [B, length]
        ids = ids[:, : int((ids != 0).sum(1).max())]
        with torch.no_grad(), torch.autocast(self.encoder.word_embeddings.device.type, enabled=False):
            tokens, _ = self.encoder.encode(ids)
        ids = ids.to(tokens.device)
        return Context(self.read(tokens) + self.words(ids), ids != 0)
