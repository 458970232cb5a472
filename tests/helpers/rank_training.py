"""Short trainings that one process and several ranks do alike: a process of its own imports them from here."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
import torch
from torch import Tensor, nn
from typing_extensions import override

from bench.contracts.data import Split
from bench.contracts.method import Batch, TextBatch, Tokenizer
from bench.errors import BenchError
from bench.experiment import train
from bench.methods.parts import codebook_renewal
from bench.presets import PRESETS, Preset
from bench.registry import methods
from bench.system import ranks
from bench.system.checkpoint import Checkpoint
from bench.system.progress import Progress
from helpers.small_text import SmallText

Case = tuple[str, Mapping[str, Any]]
"""A method's name, and arguments besides those of its registration."""

SHORT = dataclasses.replace(
    PRESETS["smoke"],
    image_size=16,
    grid=4,
    codes=16,
    steps=3,
    batch_size=4,
    precision="fp32",
    schedule="constant",
    discriminator_start=1,
)
"""Every part of every method is at work by the third step."""
HALF = dataclasses.replace(SHORT, precision="bf16", steps=1)
CPU = torch.device("cpu")


class Trained(NamedTuple):
    """losses: by name, one for each step. state: the tokenizer's at the end."""

    losses: dict[str, list[float]]
    state: dict[str, Tensor]


class Captions:
    """Stands for the features of captions: random ones, drawn for a batch."""

    def __init__(self) -> None:
        self.text = SmallText()

    def sample(self, rows: np.ndarray, rng: np.random.Generator) -> TextBatch:
        return self.text.batch(len(rows), int(rng.integers(1000)))


def pictures(count: int) -> Split:
    """Smooth random images: noise would look alike to an untrained encoder."""
    noise = torch.randn(count, 3, 4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float32)
    smooth = nn.functional.interpolate(noise, SHORT.image_size, mode="bicubic").clamp(-1, 1)
    pixels = ((smooth + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    return Split("train", pixels, flip=True)


def train_tokenizer(
    tokenizer: Tokenizer,
    preset: Preset = SHORT,
    captions: Captions | None = None,
    checkpoint: Checkpoint | None = None,
) -> Trained:
    quiet: Progress = lambda *_: None  # noqa: E731
    history = train.train(tokenizer, pictures(16), captions, preset, 0, CPU, quiet, checkpoint)  # type: ignore[arg-type]
    return Trained(history.losses, {name: value.clone() for name, value in tokenizer.state_dict().items()})


def train_method(
    name: str,
    arguments: Mapping[str, Any],
    preset: Preset = SHORT,
    checkpoint: Checkpoint | None = None,
    seed: int = 0,
) -> Trained:
    entry, captions = methods.get(name), Captions()
    method = entry.load()(**{**entry.facts.arguments, **arguments})
    torch.manual_seed(seed)
    tokenizer = method.build(preset, "emoji-scenes", captions.text if method.needs_text else None)
    return train_tokenizer(tokenizer, preset, captions if method.needs_text else None, checkpoint)


def train_all(rank: int, cases: list[Case], exact: bool = True, preset: Preset = SHORT) -> list[Trained]:
    with told_each_step(), in_float64() if exact else contextlib.nullcontext():
        return [train_method(name, arguments, preset) for name, arguments in cases]


@contextlib.contextmanager
def told_each_step() -> Iterator[None]:
    """Losses are kept for each step; codebooks start from features, and codes die, within a few of them."""
    with (
        mock.patch.object(train, "CHECK_EVERY", 1),
        mock.patch.object(codebook_renewal, "INIT_STEP", 1),
        mock.patch.object(codebook_renewal, "UNUSED", 2),
    ):
        yield


@contextlib.contextmanager
def in_float64() -> Iterator[None]:
    """Everything in float64, also what asks for float32.

    Rounding then changes no choice of a code, and no weight whose gradient is zero but for rounding, which Adam would
    scale up. So what is left of a difference between two ways of computing the same is far below any real one.
    """
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with mock.patch.object(torch.Tensor, "float", torch.Tensor.double):
            yield
    finally:
        torch.set_default_dtype(before)


class Selfish(Tokenizer):
    """Keeps the mean of the images that it sees, which on several ranks are not all of the batch."""

    grid = (1, 1)
    codebook: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("codebook", torch.zeros(1, 1))
        self.weight = nn.Parameter(torch.ones(1))

    @override
    def encode(self, images: Tensor) -> Tensor:
        return torch.zeros(len(images), 1, 1, dtype=torch.int64)

    @override
    def decode(self, indices: Tensor) -> Tensor:
        return torch.zeros(len(indices), 3, SHORT.image_size, SHORT.image_size)

    @override
    def losses(self, batch: Batch, step: int) -> dict[str, Tensor]:
        self.codebook.fill_(batch.images.mean())
        return {"l2": (batch.images.mean() - self.weight).square()}


def other_checks(rank: int, folder: str, half: list[Case]) -> tuple[list[Trained], list[str], Trained, Trained]:
    """Losses under autocast, what is refused, and a training that was not and one that was interrupted."""
    refused = [_refusal(lambda: train_tokenizer(Selfish()))]
    refused += [_refusal(lambda: train_method("vqvae", {}, dataclasses.replace(SHORT, batch_size=5)))]
    return train_all(rank, half, False, HALF), refused, *_interrupted(Checkpoint(Path(folder), 0))


def _refusal(what: Callable[[], object]) -> str:
    try:
        what()
    except BenchError as error:
        return f"{type(error).__name__}: {error}"
    return ""


def _interrupted(checkpoint: Checkpoint) -> tuple[Trained, Trained]:
    """A training in one go, and one that each rank but the first takes up with other weights and other draws."""
    whole = train_method("cvq", {})
    with mock.patch.object(codebook_renewal.Renewal, "before", _raise_at_the_third_step):
        _refusal(lambda: train_method("cvq", {}, checkpoint=checkpoint))
    return whole, train_method("cvq", {}, checkpoint=checkpoint, seed=1 + ranks.rank())


def _raise_at_the_third_step(renewal: codebook_renewal.Renewal, *_: object) -> None:
    if renewal.steps == 2:
        raise BenchError("interrupted")
    renewal.steps += 1
