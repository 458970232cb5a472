"""How the positions that a transformer computes, one behind the other, lie in the grid that attention reads."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor


class Grid(Protocol):
    """Positions [N, W] as rows of a grid [R, L, W], the same number of columns in each, and back."""

    def spread(self, x: Tensor) -> Tensor:
        """[N, W] to [R, L, W]; anything where a row has fewer positions than columns."""

    def gather(self, x: Tensor) -> Tensor:
        """[R, L, W] to [N, W]."""


class Even(NamedTuple):
    """A `Grid` whose rows have equally many positions, so nothing is moved."""

    rows: int

    def spread(self, x: Tensor) -> Tensor:
        """See `Grid`."""
        return x.view(self.rows, len(x) // self.rows, x.shape[-1])

    def gather(self, x: Tensor) -> Tensor:
        """See `Grid`."""
        return x.flatten(0, 1)


class Uneven(NamedTuple):
    """A `Grid` whose rows have different numbers of positions, at their beginning.

    filled: bool [R, L], True where a position is. places: of the positions among the R * L, int64 [N]. numbers: of the
    positions at each place, int64 [R * L], any where none is.
    """

    filled: Tensor
    places: Tensor
    numbers: Tensor

    def spread(self, x: Tensor) -> Tensor:
        """See `Grid`."""
        return x.index_select(0, self.numbers).view(*self.filled.shape, -1)

    def gather(self, x: Tensor) -> Tensor:
        """See `Grid`."""
        return x.flatten(0, 1).index_select(0, self.places)


def grid_of(row_of: Tensor, rows: int) -> Even | Uneven:
    """The grid of positions whose rows are given in ascending order, int64 [N]."""
    counts = torch.bincount(row_of, minlength=rows)  # [R]
    columns = int(counts.max())
    if columns * rows == len(row_of):
        return Even(rows)
    filled = torch.arange(columns, device=row_of.device) < counts[:, None]  # [R, L]
    places = filled.flatten().nonzero()[:, 0]
    return Uneven(filled, places, (filled.flatten().cumsum(0) - 1).clamp(min=0))
