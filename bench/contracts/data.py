"""Data sets: what one has to offer, and what its parts look like."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol

from bench.contracts.arguments import Count
from bench.errors import ContractError, UsageError, did_you_mean
from bench.system import fingerprint

if TYPE_CHECKING:
    import numpy as np

LIMITED = ("train", "validation", "test")
"""Splits whose images can be limited."""


class Images(Protocol):
    """Images uint8 [N, S, S, 3] that are read by rows: an array, a memory map, or a view that augments."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, S, S, 3)."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        """Images uint8 [len(rows), S, S, 3]."""


@dataclass(frozen=True)
class Question:
    """A question about one image.

    image: its number in the split. kind: the type it is scored under. answers: all annotators' answers where a data
    set has several (VQA v2), else nothing.
    """

    image: int
    text: str
    answer: str
    kind: str
    answers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Box:
    """An expression and the box it refers to.

    image: its number in the split. box: (centre x, centre y, width, height) as fractions of the image.
    """

    image: int
    text: str
    box: tuple[float, float, float, float]


@dataclass(frozen=True)
class Strips:
    """Images kept as wide as their short side S, one below the other; see `bench.data.pixels.fit.Strip`.

    pixels: uint8 [rows, S, 3], memory-mapped. starts: int64 [N + 1]. turned: bool [N].
    """

    pixels: np.ndarray
    starts: np.ndarray
    turned: np.ndarray


@dataclass(frozen=True)
class Split:
    """One split of a data set at one resolution; what a data set does not offer is empty.

    name: "train", "validation", "test", or "test-<what is different>" for a further test split.
    images: uint8 [N, S, S, 3], memory-mapped where they are many.
    captions: N sequences of strings. masks: uint8 class ids [N, S, S].
    strips, flip: how training images are augmented while a tokenizer trains; see `bench.data.pixels.training_view`.
    warnings: what was left out of the split; its records say so.
    cache: the harness's folder for what is computed from this split and serves many cells; None where nothing is kept.

    Raises:
        ContractError: it has no images.
    """

    name: str
    images: np.ndarray
    captions: Sequence[Sequence[str]] = ()
    questions: Sequence[Question] = ()
    boxes: Sequence[Box] = ()
    masks: np.ndarray | None = None
    strips: Strips | None = None
    flip: bool = False
    warnings: tuple[str, ...] = ()
    cache: Path | None = None

    def __post_init__(self) -> None:
        """A split without images would have every loop over it wait for ever, or divide by nothing."""
        if not len(self.images):
            raise ContractError(f"the {self.name} split has no images")

    def __len__(self) -> int:
        return len(self.images)

    @property
    def variant(self) -> str:
        """How values of this split are marked (`MetricName.variant`): "novel-pairs" for "test-novel-pairs"."""
        return "" if self.name == "test" else self.name.removeprefix("test-")


@dataclass(frozen=True)
class DataSet(ABC):
    """A data set. Subclass it as a frozen dataclass in one file of `bench/data/`, registered with what it offers.

    Three fields are the harness's; a data set may add arguments of its own, with defaults.

    redistributable: whether its images and texts may be handed on. Where not, records keep scores alone, and samples to
    look at stay in the cache.

    size: side S of the square images, in pixels. limits: the most images of "train", "validation" and "test" (which
    counts for each test split); a split that is not in it is not limited. root: the user's folder for this data set.

    Raises:
        UsageError: the limits name another split, or leave one without images.
    """

    size: Count = 32
    limits: Mapping[str, Count] = field(default_factory=dict)
    root: Path | None = None
    splits: ClassVar[tuple[str, ...]] = ("train", "validation", "test")
    redistributable: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Refuse limits that leave a split without images, or that limit nothing."""
        for split, most in self.limits.items():
            if split not in LIMITED:
                raise UsageError(f"{type(self).__name__}.limits: no split {split!r}{did_you_mean(split, LIMITED)}")
            if most < 1:
                raise UsageError(f"{type(self).__name__}.limits: {split!r} would have no images")

    @abstractmethod
    def split(self, name: str, cache: Path) -> Split:
        """The split of this name. What takes time is prepared once under `cache`, then memory-mapped.

        Raises:
            DataError: files are missing or broken; the text says how to get them.
        """

    def fingerprint(self) -> str:
        """Hash of what determines the content, besides the code of its file; cheap, nothing is prepared.

        By default of all arguments, paths left out. One that reads files has to add their content.
        """
        values = {argument.name: getattr(self, argument.name) for argument in dataclasses.fields(self)}
        plain = {name: value for name, value in values.items() if not isinstance(value, Path | None)}
        return fingerprint.of_value(plain | {"limits": dict(self.limits)})

    def lacks(self, kind: str) -> str | None:  # noqa: ARG002 - most have no optional parts
        """Why captions, questions, boxes or masks that it can offer are not there now; None if they are."""
        return None
