"""The network that writes captions from codes, how it is fitted, and how it writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.contracts.codes import Codes
from bench.contracts.data import Split
from bench.presets import Budget
from tasks.parts.language.captions import one_each
from tasks.parts.language.vocabulary import END, PADDING, Vocabulary
from tasks.parts.networks import head
from tasks.parts.networks.gpt import PrefixModel, Sampling, beam_search, generate

WORDS = 40
"""Longest caption, its end counted."""
BEAMS = 5
SAMPLING = Sampling(top_p=0.8)
BATCH = 100

PROTOCOL = {
    "words": f"plain vocabulary of the training captions, cut to {WORDS - 1} words",
    "captions": "one of each image, drawn anew in every training step",
    **head.PROTOCOL,
}

Decoder = Callable[[PrefixModel, Tensor, torch.Generator], Tensor]
"""From a model, prefixes [B, P, W] and a generator to word ids int64 [B, WORDS]."""


class Captioner(nn.Module):
    """Predicts each word of a caption from an image's code vectors and the words before it."""

    def __init__(self, words: int, budget: Budget, training: Codes) -> None:
        super().__init__()
        self.reader = head.CodeReader(training, budget.width)
        prefix = training.grid[0] * training.grid[1]
        self.gpt = PrefixModel(words, budget.width, budget.layers, prefix, WORDS)

    def forward(self, vectors: Tensor, ids: Tensor) -> Tensor:
        """Code vectors [B, P, D] and captions int64 [B, T] to the logits [B, T, words] of each word."""
        logits: Tensor = self.gpt(self.reader(vectors), ids[:, :-1])
        return logits


def fit(
    model: Captioner,
    vocabulary: Vocabulary,
    split: Split,
    codes: Codes,
    budget: Budget,
    seed: int,
    device: torch.device,
) -> None:
    """Learn the captions of a split; raises TrainingDiverged where the loss is not finite."""
    draw = np.random.default_rng([seed, 0])
    rows_left = np.empty(0, np.int64)

    def loss() -> Tensor:
        nonlocal rows_left
        while len(rows_left) < budget.batch_size:
            rows_left = np.concatenate([rows_left, draw.permutation(len(split))])
        rows, rows_left = rows_left[: budget.batch_size], rows_left[budget.batch_size :]
        ids = vocabulary.encode(one_each(split, rows.tolist(), draw), WORDS)
        wanted = torch.from_numpy(ids[:, : int((ids != PADDING).sum(1).max())]).to(device)
        logits = model(codes.vectors(rows, device), wanted)
        return F.cross_entropy(logits.float().flatten(0, 1), wanted.flatten(), ignore_index=PADDING)

    head.fit(model, loss, budget, device)


def write(
    model: Captioner, vocabulary: Vocabulary, codes: Codes, decode: Decoder, seed: int, device: torch.device
) -> list[str]:
    """A caption of each image, its words in lower case with a space between them."""
    words = list(vocabulary.ids)
    draw = torch.Generator(device).manual_seed(seed)
    found = []
    for start in range(0, len(codes), BATCH):
        rows = np.arange(start, min(start + BATCH, len(codes)))
        with torch.inference_mode(), head.autocast(device):
            ids = decode(model.gpt, model.reader(codes.vectors(rows, device)), draw)
        for row in ids.tolist():
            until = row[: row.index(END)] if END in row else row
            found.append(" ".join(words[number - END - 1] for number in until if number > END))
    return found


def _beam(model: PrefixModel, prefix: Tensor, draw: torch.Generator) -> Tensor:  # noqa: ARG001 - as the other one
    return beam_search(model, prefix, WORDS, BEAMS, END)


def _nucleus(model: PrefixModel, prefix: Tensor, draw: torch.Generator) -> Tensor:
    return generate(model, prefix, WORDS, SAMPLING, draw)


DECODERS: Mapping[str, tuple[Decoder, str]] = {
    "beam": (_beam, f"beam search with {BEAMS} beams, by mean log probability"),
    "nucleus": (_nucleus, f"drawn from the likeliest words that hold {SAMPLING.top_p} of the probability"),
}
"""By name: the decoder, and what a protocol says of it."""
