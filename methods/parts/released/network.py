"""What all released tokenizers share: sides of images, resizing, bounded memory, and how weights come in."""

from __future__ import annotations

import sys
from abc import abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager, redirect_stdout
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor
from typing_extensions import override

from bench.contracts.codes import lookup
from bench.contracts.method import Batch, Tokenizer
from bench.errors import DataError, UsageError
from bench.methods.parts.nearest import CHUNK, nearest_codes
from bench.methods.parts.released.weights import find_mismatch
from bench.methods.parts.vector_quantizer import to_rows


class Source(NamedTuple):
    """What a tokenizer is made of. values: what the configuration says; `config` is None where it needs none."""

    weights: Path
    state: Mapping[str, Tensor]
    config: Path | None
    values: Mapping[str, Any]


class Sides(NamedTuple):
    """Pixels of an image's side. shown: as the preset has it, outside. inside: as the network sees it."""

    shown: int
    inside: int


class ReleasedTokenizer(Tokenizer):
    """A frozen tokenizer: features, a choice of codes, and images drawn from codes.

    Where the network's side of images is not the preset's, images are resized to it before they are encoded, and
    decoded ones are clamped to [-1, 1] and resized back, both by antialiased bicubic interpolation. Else nothing is
    resized, and images of any sides that can be halved as often will do.

    pixels_at_once: how many pixels the network sees in one pass; a split comes in batches of 256 images, whose
        features at 256 pixels would fill tens of gigabytes.

    Args:
        halvings: how often the encoder halves images.
        least: the least side of its code grid.

    Raises:
        UsageError: the side of images cannot be halved so often.
    """

    pixels_at_once: ClassVar[int] = 2**20

    def __init__(self, halvings: int, sides: Sides, least: int = 1) -> None:
        super().__init__()
        self.sides = sides
        step = 2**halvings
        side = sides.inside // step
        if side < least or side * step != sides.inside:
            works = max(round(sides.inside / step), least) * step
            raise UsageError(
                f"this tokenizer halves images {halvings} times, which {sides.inside} pixels do not allow; the nearest "
                f"side that works: --set pretrained.image_size={works}"
            )
        self.grid = (side, side)

    @abstractmethod
    def features(self, images: Tensor) -> Tensor:
        """What codes are chosen for, [B, D, h, w], of images [B, 3, H, W] in [-1, 1]."""

    @abstractmethod
    def draw(self, codes: Tensor) -> Tensor:
        """Images [B, 3, H, W] in [-1, 1] (not clamped) of code vectors [B, D, h, w]."""

    def choose(self, rows: Tensor) -> Tensor:
        """Indices, int64 [N], of features [N, D]: the nearest code unless the family has another rule."""
        return nearest_codes(rows, self.codebook)

    def vectors(self, indices: Tensor) -> Tensor:
        """Code vectors [B, h, w, D] of indices [B, h, w]."""
        return lookup(self.codebook, indices)

    @override
    def encode(self, images: Tensor) -> Tensor:
        return torch.cat([self._encode(part) for part in images.split(self._images_at_once())])

    @override
    def decode(self, indices: Tensor) -> Tensor:
        return torch.cat([self._decode(part) for part in indices.split(self._images_at_once())])

    @override
    def losses(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """No losses: nothing is trained."""
        return {}

    @property
    def resizes(self) -> bool:
        """Whether images change their size on the way in and out."""
        return self.sides.inside != self.sides.shown

    def _images_at_once(self) -> int:
        return max(1, self.pixels_at_once // self.sides.inside**2)

    def _encode(self, images: Tensor) -> Tensor:
        if self.resizes:
            images = resized(images, self.sides.inside).clamp(-1, 1)  # bicubic overshoots at edges
        z = self.features(images)
        return self.choose(to_rows(z)).view(len(z), *z.shape[2:])

    def _decode(self, indices: Tensor) -> Tensor:
        # contiguous as released code has it: other strides round anew
        images = self.draw(self.vectors(indices).permute(0, 3, 1, 2).contiguous())
        return resized(images.clamp(-1, 1), self.sides.shown) if self.resizes else images


Made = TypeVar("Made", bound=ReleasedTokenizer)


def outline() -> AbstractContextManager[Any]:
    """Lay a network out in this block without memory for its weights, which come in by `fill`."""
    return torch.device("meta")


def quiet() -> AbstractContextManager[Any]:
    """Sends what a package prints to standard error: standard output belongs to our own."""
    return redirect_stdout(sys.stderr)


def fill(tokenizer: Made, state: Mapping[str, Tensor], weights: Path) -> Made:
    """A tokenizer laid out by `outline` with its weights, in float32, never to be trained.

    Raises:
        DataError: they are not its weights; names the first that is missing, unknown or of another shape.
    """
    wanted = tokenizer.state_dict()
    mismatch = find_mismatch(state, wanted)
    if mismatch:
        raise DataError(f"{weights}: {mismatch}")
    whole = {name: state[name].to(value.dtype).contiguous() for name, value in wanted.items()}
    tokenizer.load_state_dict(whole, assign=True)
    return tokenizer.requires_grad_(False).eval()


def most_alike(rows: Tensor, codes: Tensor, bias: Tensor | None = None) -> Tensor:
    """Indices, int64 [N], of the codes [K, D] of largest inner product with features [N, D], plus a bias [K] if given.

    All products are never held at once.
    """
    count = max(1, CHUNK // len(codes))
    return torch.cat([F.linear(part, codes, bias).argmax(1) for part in rows.split(count)])


def resized(images: Tensor, side: int) -> Tensor:
    """Images [B, C, H, W] as squares of `side` pixels, as Pillow resizes but without rounding."""
    return F.interpolate(images, size=(side, side), mode="bicubic", antialias=True)
