"""The network that finds the box an expression refers to from an image's codes."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.contracts.codes import Codes
from bench.presets import Budget
from bench.tasks.parts.language.vocabulary import PADDING
from bench.tasks.parts.networks import head
from bench.tasks.parts.networks.grids import grid_of
from bench.tasks.parts.networks.transformer import Transformer

WORDS = 20
"""Longest expression, its end counted."""


class Grounder(nn.Module):
    """Boxes from code vectors and expressions; without training codes, from the expression alone.

    Where there are codes it also points: the token is compared with the encoding of each position, and what it points
    at is added to the token before the box is read off.
    """

    def __init__(self, words: int, budget: Budget, training: Codes | None) -> None:
        super().__init__()
        width, layers = budget.width, budget.layers
        self.token = nn.Parameter(torch.randn(width))
        self.words = nn.Embedding(words, width, padding_idx=PADDING)
        self.expression = Transformer(width, layers, 1 + WORDS, cross=training is not None)
        self.reader = None if training is None else head.CodeReader(training, width)
        if training is not None:
            self.image = Transformer(width, layers, training.grid[0] * training.grid[1])
            self.point = nn.Linear(width, width)
        self.box = nn.Sequential(
            nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 4)
        )

    def forward(self, ids: Tensor, owner: Tensor, vectors: Tensor) -> Tensor:
        """Boxes and, behind them, logits of the position that holds the box's centre: [N, 4 + h*w].

        A box is centre x, centre y, width, height, in (0, 1). Without codes there are no positions.

        Args:
            ids: words of N expressions, int64 [N, L]. owner: the image that each is about, int64 [N], ascending.
            vectors: code vectors [B, h*w, D], not read by a network without codes.
        """
        read = torch.cat([self.token.expand(len(ids), 1, -1), self.words(ids)], 1)  # [N, 1 + L, W]
        real = F.pad(ids != PADDING, (1, 0), value=True)
        context = None if self.reader is None else self.image(self.reader(vectors))
        token = torch.zeros_like(real)
        token[:, 0] = True
        state = self.expression.packed(read, real, token, context, owner=owner)  # the token's last, [N, W]
        with torch.autocast(ids.device.type, enabled=False):  # bf16 resolves coordinates in [0, 1] to about 1/256 only
            state = state.float()
            if context is None:
                return torch.sigmoid(self.box(state))
            places = context.float()  # [B, h*w, W]
            grid = grid_of(owner, len(places))
            asked = grid.spread(self.point(state))  # [B, n, W]
            logits = asked @ places.mT / places.shape[2] ** 0.5  # [B, n, h*w]
            pointed = grid.gather(logits.softmax(2) @ places)  # [N, W]
            return torch.cat([torch.sigmoid(self.box(state + pointed)), grid.gather(logits)], 1)
