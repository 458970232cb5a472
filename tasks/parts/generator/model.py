"""A model of code sequences under a condition, which all tasks that generate images share."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.contracts.codes import Codes
from bench.contracts.method import Method
from bench.tasks.parts.networks.decoding import Sampling, generate
from bench.tasks.parts.networks.gpt import INITIAL, PrefixModel

DROPPED = 0.1
"""Share of training images whose condition is hidden, so that the model also learns to do without (for guidance)."""


class Prefix(NamedTuple):
    """A condition as vectors [B, P, W]; real: bool [B, P], False at padding, True at the first vector."""

    vectors: Tensor
    real: Tensor


class Condition(Protocol):
    """What a generator is told about an image; also a `torch.nn.Module`, fitted with it.

    length: most vectors. identity: names what is told; equal where two tell the same of a data set's images.
    draws: the generators that it draws from, besides torch's random state.
    """

    length: int
    identity: str
    draws: tuple[np.random.Generator, ...]

    def __call__(self, split: str, rows: np.ndarray) -> Prefix:
        """The prefix of some images of a split."""


class NoCondition(nn.Module):
    """The generator is told nothing."""

    length = 0
    identity = "nothing"
    draws: tuple[np.random.Generator, ...] = ()

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("empty", torch.empty(0, width), persistent=False)

    def forward(self, split: str, rows: np.ndarray) -> Prefix:  # noqa: ARG002 - a `Condition`
        """An empty prefix."""
        vectors = self.get_buffer("empty").expand(len(rows), -1, -1)
        return Prefix(vectors, torch.ones(len(rows), 0, dtype=torch.bool, device=vectors.device))


class CodeModel(Protocol):
    """A generator of code sequences; also a `torch.nn.Module`.

    tokens: K. prefix, length: the most vectors and codes it reads.
    """

    def __init__(self, tokens: int, width: int, layers: int, prefix: int, length: int) -> None: ...

    def loss(self, prefix: Prefix, ids: Tensor) -> Tensor:
        """What is minimised, a scalar, for codes int64 [B, T]."""

    def sample(
        self, prefix: Prefix, length: int, sampling: Sampling, rng: torch.Generator, given: Tensor | None
    ) -> Tensor:
        """Codes int64 [B, length]; see `decoding.generate`."""


class Autoregressive(PrefixModel):
    """GPT over codes in raster order, residual levels of a position one after the other (as in taming)."""

    def loss(self, prefix: Prefix, ids: Tensor) -> Tensor:
        """Mean cross-entropy of a code in nats."""
        logits = self(prefix.vectors, ids[:, :-1], prefix.real)
        return F.cross_entropy(logits.float().flatten(0, 1), ids.flatten())

    def sample(
        self, prefix: Prefix, length: int, sampling: Sampling, rng: torch.Generator, given: Tensor | None
    ) -> Tensor:
        """Codes int64 [B, length], token by token."""
        return generate(self, prefix.vectors, length, sampling, rng, prefix.real, given)


class CodeGenerator(nn.Module):
    """A code model, its condition, and a vector that stands for no condition."""

    model: CodeModel
    condition: Condition

    def __init__(self, model: CodeModel, condition: Condition, width: int) -> None:
        super().__init__()
        self.model, self.condition = model, condition
        self.nothing = nn.Parameter(torch.randn(width) * INITIAL)

    def loss(self, rows: np.ndarray, ids: Tensor) -> Tensor:
        """Loss of some training images with codes int64 [B, T]; the condition of a share `DROPPED` is hidden."""
        prefix = self.condition("train", rows)
        hidden = torch.rand(len(rows), device=ids.device) < DROPPED
        return self.model.loss(self._without(prefix, hidden), ids)

    @torch.no_grad()
    def sample(
        self, split: str, rows: np.ndarray, length: int, sampling: Sampling, rng: torch.Generator, given: Tensor | None
    ) -> Tensor:
        """Codes int64 [B, length] for the conditions of some images; see `decoding.generate`."""
        prefix = self.condition(split, rows)
        if sampling.guidance != 1:
            everywhere = torch.ones(len(rows), dtype=torch.bool, device=prefix.real.device)
            parts = zip(prefix, self._without(prefix, everywhere), strict=True)
            prefix = Prefix(*(torch.cat(part) for part in parts))
        return self.model.sample(prefix, length, sampling, rng, given)

    def _without(self, prefix: Prefix, hidden: Tensor) -> Prefix:
        """The prefix where the condition of some images is hidden (bool [B]): one vector that stands for none."""
        vectors = torch.where(hidden[:, None, None], self.nothing.to(prefix.vectors.dtype), prefix.vectors)
        first = torch.arange(prefix.real.shape[1], device=hidden.device) == 0
        return Prefix(vectors, torch.where(hidden[:, None], first, prefix.real))


def no_indices(method: Method | None) -> str | None:
    """Why a method cannot be used by a task that generates indices, or None."""
    return None if method is None or method.discrete else "the method has no indices to generate"


def sequences(codes: Codes, rows: np.ndarray, device: torch.device) -> Tensor:
    """Indices of some images as sequences int64 [B, T], raster order, residual levels innermost."""
    return codes.rows(rows, device).flatten(1)
