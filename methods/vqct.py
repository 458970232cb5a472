"""VQCT: a codebook transferred from word embeddings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from bench.contracts.arguments import Count, Weight
from bench.contracts.method import Method, Quantized, TextEncoder
from bench.errors import UsageError
from bench.methods.parts.adversarial import AdversarialObjective, Perceptual
from bench.methods.parts.autoencoder import Autoencoder
from bench.methods.parts.nearest import nearest_codes
from bench.methods.parts.vector_quantizer import Quantizer, codebook_loss, to_quantized, to_rows
from bench.methods.parts.word_codes import WordCodes, normalised_adjacency, word_codes
from bench.presets import Preset
from bench.registry import methods


class TransferredCodebook(Quantizer):
    """Nearest-neighbour quantizer with the codes A relu(A X W + b) V + c.

    X [K, T] are frozen word embeddings, centred and scaled to variance 1; A is the graph's `normalised_adjacency`.
    W [T, D] and V [D, D] are all that is learned of the codes, so a step moves every code, chosen or not.
    """

    adjacency: Tensor
    features: Tensor

    def __init__(self, words: WordCodes, width: int, beta: float, legacy: bool) -> None:
        super().__init__()
        self.beta, self.legacy = beta, legacy
        centred = words.embeddings - words.embeddings.mean(0)
        adjacency = normalised_adjacency(words.edges, len(words.names))
        self.register_buffer("adjacency", adjacency, persistent=False)
        self.register_buffer("features", torch.sparse.mm(adjacency, centred / centred.std()), persistent=False)
        self.inner = nn.Linear(words.embeddings.shape[1], width)
        self.outer = nn.Linear(width, width)
        self._start()

    @property
    def codebook(self) -> Tensor:  # type: ignore[override]  # computed, where others store it
        """Code vectors [K, D], float32 under autocast too."""
        with torch.autocast(self.features.device.type, enabled=False):
            return self.outer(torch.sparse.mm(self.adjacency, F.relu(self.inner(self.features))))

    @override
    def forward(self, z: Tensor) -> Quantized:
        with torch.autocast(z.device.type, enabled=False):
            rows, codebook = to_rows(z), self.codebook
            indices = nearest_codes(rows.detach(), codebook.detach())
            codes = F.embedding(indices, codebook)
            return to_quantized(z, rows, codes, indices, codebook_loss(rows, codes, self.beta, self.legacy))

    @torch.no_grad()
    def _start(self) -> None:
        """Centre the codes on 0 and give them the mean square of U(-1/K, 1/K).

        That is where other codebooks start and what the light encoder's first features are made to be near. Codes that
        start off centre or far larger than the features leave most of the codebook out of their reach.
        """
        codes = self.codebook
        centre, size = codes.mean(0), codes.std(0, correction=0).square().mean().sqrt()
        scale = 1 / (3**0.5 * len(codes) * size)
        self.outer.weight.mul_(scale)
        self.outer.bias.sub_(centre).mul_(scale)


@methods.register("vqct")
@dataclass(frozen=True)
class Vqct(Method):
    """VQCT: nouns' and adjectives' embeddings become codes by a graph convolution network (Zhang et al. 2024).

    As there: frozen embeddings of words with a part of speech, a graph that joins adjectives with nouns, two graph
    convolutions (hidden width D, ReLU), the ordinary codebook loss, VQ-GAN's objective. Simplified:

    - A position gets one code from one codebook of adjectives and nouns. There it gets two parts side by side, the
      mean of its nearest adjective codes and its nearest noun code.
    - K is `codes`, by default the preset's, not the number of words (6,207 there); where the text encoder knows fewer
      words, pairs of an adjective and a noun are codes too (see `bench.methods.parts.word_codes.word_codes`).
    - Words are those of the text encoder's vocabulary whose part of speech a lexicon knows, in vocabulary order. There
      they are the frequent ones of image captions, tagged in context; so here some have little to do with images.
    - A noun is joined with the adjectives nearest to it in embedding, a pair with its words. There an adjective is
      joined with the nouns that it precedes in captions.
    - The embeddings are the text encoder's input ones. The released code takes CLIP's features of a prompt with the
      word. It also has dropout between the convolutions; here codes are the same in training and in use.

    No caption of the data set is used. There is nothing to initialise from features or to revive: what is learned is
    the network, not the codes. legacy: beta on the codebook term instead of the commitment term, as released.
    """

    paper: ClassVar[str] = "arXiv:2403.10071"
    needs_text: ClassVar[bool] = True
    codes: Count | None = None
    beta: Weight = 0.25
    legacy: bool = True
    perceptual: Perceptual = "auto"

    @override
    def build(self, preset: Preset, dataset: str, text: TextEncoder | None) -> Autoencoder:
        """The untrained tokenizer.

        Raises:
            UsageError: no text encoder, or it knows too few words for so many codes.
            DataError: the lexicon is missing or changed.
        """
        if text is None:
            raise UsageError("VQCT needs a text encoder")
        words = word_codes(text, preset.codes if self.codes is None else self.codes)
        quantizer = TransferredCodebook(words, preset.width, self.beta, self.legacy)
        return Autoencoder(preset, quantizer, AdversarialObjective(preset, self.perceptual))
