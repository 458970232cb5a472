"""Segmentation masks as the condition of a generator."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.errors import DataError
from bench.tasks.parts.generator.model import Context

CELLS = 4
"""A patch is described by the share of each class in at most this many cells a side."""


class MaskCondition(nn.Module):
    """The patch of the mask behind each code, mapped to the generator's width: [h*w] vectors an image.

    taming and LG-VQ code masks with a second VQ-GAN; here nothing but the image codebook under test is learned before.

    Args:
        masks: split name to class ids uint8 [N, S, S]. classes: how many there are; others raise.
        grid: (h, w) of the codes.

    Raises:
        DataError: a mask has a class that no training mask has.
    """

    identity = "masks"
    draws: tuple[np.random.Generator, ...] = ()

    def __init__(self, masks: Mapping[str, np.ndarray], classes: int, grid: tuple[int, int], width: int) -> None:
        super().__init__()
        for name, ids in masks.items():
            if int(ids.max()) >= classes:
                raise DataError(f"the masks of the {name} split have classes that no training mask has")
        side = next(iter(masks.values())).shape[-1]
        self.masks, self.classes, self.grid = masks, classes, grid
        self.cells = min(CELLS, side // grid[0])
        self.length = grid[0] * grid[1]
        self.read = nn.Linear(classes * self.cells**2, width)

    def forward(self, split: str, rows: np.ndarray) -> Context:
        """The patches of some images' masks, [B, h*w, width]; none is padding."""
        ids = torch.from_numpy(self.masks[split][rows].astype(np.int64)).to(self.read.weight.device)
        vectors: Tensor = self.read(self._patches(ids))  # [B, h*w, width]
        return Context(vectors, torch.ones(vectors.shape[:2], dtype=torch.bool, device=vectors.device))

    def _patches(self, ids: Tensor) -> Tensor:
        """Masks int64 [B, S, S] to the shares of classes in the cells of each patch, [B, h*w, classes * cells^2]."""
        one_hot = F.one_hot(ids, self.classes).permute(0, 3, 1, 2).float()  # [B, C, S, S]
        sides = (self.grid[0] * self.cells, self.grid[1] * self.cells)
        shares = F.adaptive_avg_pool2d(one_hot, sides)  # [B, C, h * cells, w * cells]
        return F.unfold(shares, self.cells, stride=self.cells).transpose(1, 2)
