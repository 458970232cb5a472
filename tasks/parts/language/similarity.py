"""LG-VQ's similarity MSE of captions: which codes are matched to their words, and what chance would give."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from bench.contracts.codes import Codes
from bench.contracts.data import Split
from bench.contracts.method import TextEncoder
from bench.metrics.similarity import similarity_mse
from bench.tasks.parts.networks.head import CodeReader
from bench.text.words import word_positions

BATCH = 64

PROTOCOL = {
    "similarity": "mean squared difference between cosines of static word embeddings and of the codes matched to the "
    "words, over pairs of different word pieces of a caption (the diagonal is 0 by construction and left out), mean "
    "over the captions with at least two",
    "similarity's codes": "standardised as for the probe; without codes (blind) all are at right angles",
    "similarity's match": "not the paper's, which does not say: the code of the image nearest, by cosine, to the mean "
    "code vector of the training images that have the word in a caption; the first code for a word that none has",
    "random-match": "each word is matched to a random position of the image",
}


def word_directions(
    codes: Codes, split: Split, encoder: TextEncoder, reader: CodeReader, device: torch.device
) -> Tensor:
    """Mean standardised code vector of the images that have each word piece in a caption, float64 [V, D] on the CPU.

    Zero where no image has it.
    """
    total = torch.zeros(encoder.vocabulary, codes.width, dtype=torch.float64)
    images = torch.zeros(encoder.vocabulary, dtype=torch.float64)
    for start in range(0, len(codes), BATCH):
        rows = np.arange(start, min(start + BATCH, len(codes)))
        means = standardised(codes.vectors(rows, device), reader).mean(1).cpu()  # [B, D]
        captions = [split.captions[row] for row in rows.tolist()]
        image = torch.tensor([number for number, texts in enumerate(captions) for _ in texts])  # [captions]
        ids = encoder.tokenize([caption for texts in captions for caption in texts])  # [captions, L]
        words = word_positions(ids)
        pairs = torch.stack([image[:, None].expand_as(ids)[words], ids[words]]).unique(
            dim=1
        )  # (image, word) [2, pairs]
        total.index_add_(0, pairs[1], means[pairs[0]])
        images.index_add_(0, pairs[1], torch.ones(pairs.shape[1], dtype=torch.float64))
    return total / images.clamp(min=1)[:, None]


def caption_similarity(
    codes: Codes, ids: Tensor, words: Tensor, directions: Tensor, reader: CodeReader, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Similarity MSE of each caption with two words, by variant: "" and "random-match".

    Args:
        codes: one image a caption. ids: captions int64 [N, L]. words: embeddings [V, T].
        directions: see `word_directions`. reader: what standardises the codes.
    """
    scores: dict[str, list[float]] = {"": [], "random-match": []}
    for row, pieces in _several_words(ids):
        vectors = standardised(codes.vectors(np.array([row]), torch.device("cpu")), reader)[0]  # [h*w, D]
        nearest = (F.normalize(directions[pieces], dim=-1) @ F.normalize(vectors, dim=-1).T).argmax(1)  # [pieces]
        anywhere = torch.from_numpy(rng.integers(len(vectors), size=len(pieces)))
        for variant, places in zip(scores, (nearest, anywhere), strict=True):
            scores[variant].append(similarity_mse(words[pieces], vectors[places]))
    return {variant: np.array(values) for variant, values in scores.items()}


def orthogonal_similarity(ids: Tensor, words: Tensor) -> np.ndarray:
    """Similarity MSE of each caption with two words if all codes were at right angles to each other."""
    return np.array([similarity_mse(words[pieces], torch.eye(len(pieces))) for _, pieces in _several_words(ids)])


def standardised(vectors: Tensor, reader: CodeReader) -> Tensor:
    """Code vectors [..., D] as the reader sees them before its linear map, float64."""
    return (vectors.double() - reader.mean.to(vectors.device)) * reader.scale.to(vectors.device)


def _several_words(ids: Tensor) -> Iterator[tuple[int, Tensor]]:
    """Number and different word pieces of each caption that has at least two."""
    for row, (caption, words) in enumerate(zip(ids, word_positions(ids), strict=True)):
        pieces = caption[words].unique()
        if len(pieces) > 1:
            yield row, pieces
