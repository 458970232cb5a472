"""The network that answers questions about an image from its codes."""

from __future__ import annotations

from torch import Tensor, nn

from bench.contracts.codes import Codes
from bench.presets import Budget
from bench.tasks.parts.language.vocabulary import END, PADDING
from bench.tasks.parts.networks import head
from bench.tasks.parts.networks.transformer import Transformer

WORDS = 24
"""Longest question, its end counted."""


class Answerer(nn.Module):
    """Logits over answers from an image's codes and a question; without training codes, from the question alone."""

    def __init__(self, words: int, answers: int, budget: Budget, training: Codes | None) -> None:
        super().__init__()
        width, layers = budget.width, budget.layers
        self.words = nn.Embedding(words, width, padding_idx=PADDING)
        self.question = Transformer(width, layers, WORDS, cross=training is not None)
        self.answer = nn.Linear(width, answers)
        self.reader = None if training is None else head.CodeReader(training, width)
        if training is not None:
            self.image = Transformer(width, layers, training.grid[0] * training.grid[1])

    def forward(self, ids: Tensor, owner: Tensor, vectors: Tensor) -> Tensor:
        """Logits [N, answers].

        Args:
            ids: words of N questions, int64 [N, L]. owner: the image that each is about, int64 [N], ascending.
            vectors: code vectors [B, h*w, D], not read by a network without codes.
        """
        context = None if self.reader is None else self.image(self.reader(vectors))
        last = self.question.packed(self.words(ids), ids != PADDING, ids == END, context, owner=owner)  # [N, W]
        return self.answer(last)
