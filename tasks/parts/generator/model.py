"""A model of code sequences under a condition, which all tasks that generate images share."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.contracts.codes import Codes
from bench.contracts.method import Method
from bench.tasks.parts.networks.decoder import Decoder, DecoderReader
from bench.tasks.parts.networks.decoding import Sampling, generate
from bench.tasks.parts.networks.transformer import Transformer

DROPPED = 0.1
"""Share of training images whose condition is hidden, so that the model also learns to do without (for guidance)."""
ENCODER_LAYERS = 2
"""Of the transformer that reads a condition before codes attend to it."""


class Context(NamedTuple):
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

    def __call__(self, split: str, rows: np.ndarray) -> Context:
        """What the model is told of some images of a split."""


class NoCondition(nn.Module):
    """The generator is told nothing."""

    length = 0
    identity = "nothing"
    draws: tuple[np.random.Generator, ...] = ()

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("empty", torch.empty(0, width), persistent=False)

    def forward(self, split: str, rows: np.ndarray) -> Context:  # noqa: ARG002 - a `Condition`
        """No vectors."""
        vectors = self.get_buffer("empty").expand(len(rows), -1, -1)
        return Context(vectors, torch.ones(len(rows), 0, dtype=torch.bool, device=vectors.device))


class CodeModel(Protocol):
    """A generator of code sequences; also a `torch.nn.Module`.

    tokens: K. context, length: the most vectors of a condition and codes that it reads.
    """

    def __init__(self, tokens: int, width: int, layers: int, context: int, length: int) -> None: ...

    def loss(self, context: Context, ids: Tensor, done: float) -> Tensor:
        """What is minimised, a scalar, for codes int64 [B, T]; done: which share of the fit lies behind, in [0, 1)."""

    def sample(
        self, context: Context, length: int, sampling: Sampling, rng: torch.Generator, given: Tensor | None
    ) -> Tensor:
        """Codes int64 [B, length]; see `decoding.generate`."""


class Autoregressive(nn.Module):
    """A transformer over codes in raster order, residual levels of a position one after the other (as in taming).

    taming puts the condition before the codes; here codes attend to it, for with a common sequence generators learnt
    what captions name, but not where.
    """

    def __init__(self, tokens: int, width: int, layers: int, context: int, length: int) -> None:
        super().__init__()
        self.told = context > 0
        self.decoder = Decoder(tokens, width, layers, length, context=self.told)

    def loss(self, context: Context, ids: Tensor, done: float) -> Tensor:
        """Mean cross-entropy of a code in nats.

        With a condition, images hide their codes in the share of the fit that is still to come: of these the model
        knows only how many codes there were. Else it reads off the codes what the condition says, and learns late or
        never what the condition itself says.
        """
        hidden = torch.rand(len(ids), device=ids.device) >= done if self.told else None
        logits = self.decoder(ids[:, :-1], *self._seen(context), hidden)
        return F.cross_entropy(logits.float().flatten(0, 1), ids.flatten())

    def sample(
        self, context: Context, length: int, sampling: Sampling, rng: torch.Generator, given: Tensor | None
    ) -> Tensor:
        """Codes int64 [B, length], token by token."""
        reader = DecoderReader(self.decoder, len(context.real), length, *self._seen(context))
        return generate(reader, length, sampling, rng, given)

    def _seen(self, context: Context) -> tuple[Tensor | None, Tensor | None]:
        return context if self.told else (None, None)


class CodeGenerator(nn.Module):
    """A code model, its condition, an encoder of what it is told, and a vector that stands for no condition."""

    model: CodeModel
    condition: Condition

    def __init__(self, model: CodeModel, condition: Condition, width: int) -> None:
        super().__init__()
        self.model, self.condition = model, condition
        self.encoder = Transformer(width, ENCODER_LAYERS, condition.length) if condition.length else None
        self.nothing = nn.Parameter(torch.randn(width))

    def loss(self, rows: np.ndarray, ids: Tensor, done: float) -> Tensor:
        """Loss of some training images with codes int64 [B, T]; the condition of a share `DROPPED` is hidden."""
        hidden = torch.rand(len(rows), device=ids.device) < DROPPED
        return self.model.loss(self._without(self.context("train", rows), hidden), ids, done)

    @torch.no_grad()
    def sample(
        self, split: str, rows: np.ndarray, length: int, sampling: Sampling, rng: torch.Generator, given: Tensor | None
    ) -> Tensor:
        """Codes int64 [B, length] for the conditions of some images; see `decoding.generate`."""
        context = self.context(split, rows)
        if sampling.guidance != 1:
            everywhere = torch.ones(len(rows), dtype=torch.bool, device=context.real.device)
            parts = zip(context, self._without(context, everywhere), strict=True)
            context = Context(*(torch.cat(part) for part in parts))
        return self.model.sample(context, length, sampling, rng, given)

    def context(self, split: str, rows: np.ndarray) -> Context:
        """What the model is told of some images of a split, encoded."""
        context = self.condition(split, rows)
        return context if self.encoder is None else Context(self.encoder(*context), context.real)

    def _without(self, context: Context, hidden: Tensor) -> Context:
        """The context where the condition of some images is hidden (bool [B]): one vector that stands for none."""
        vectors = torch.where(hidden[:, None, None], self.nothing.to(context.vectors.dtype), context.vectors)
        first = torch.arange(context.real.shape[1], device=hidden.device) == 0
        return Context(vectors, torch.where(hidden[:, None], first, context.real))


def no_indices(method: Method | None) -> str | None:
    """Why a method cannot be used by a task that generates indices, or None."""
    return None if method is None or method.discrete else "the method has no indices to generate"


def sequences(codes: Codes, rows: np.ndarray, device: torch.device) -> Tensor:
    """Indices of some images as sequences int64 [B, T], raster order, residual levels innermost."""
    return codes.rows(rows, device).flatten(1)
