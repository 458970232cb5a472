"""What the harness and its plug-ins promise each other.

Importing this file costs nothing: torch is named in annotations only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import Tensor

    from bench.contracts.codes import Codes
    from bench.data.pixels.training_view import Strips
    from bench.presets import HeadBudget, Preset
    from bench.text import TextEncoder


class Quantized(NamedTuple):
    """What every quantizer returns for a feature map `z` of shape [B, D, h, w].

    quantized: [B, D, h, w], straight-through: the code in the forward pass, the identity in the backward pass.
    indices: int64 [B, h, w] in [0, K), or [B, h, w, L] for L residual levels.
    loss: scalar, the codebook and commitment terms already weighted.
    """

    quantized: Tensor
    indices: Tensor
    loss: Tensor


class TextBatch(NamedTuple):
    """One caption for each image of a batch, as a frozen text encoder sees it.

    ids: int64 [B, L], 0 is padding. tokens: float [B, L, T]. sentence: float [B, T].
    """

    ids: Tensor
    tokens: Tensor
    sentence: Tensor


class Batch(NamedTuple):
    """A training batch. images: float [B, 3, H, W] in [-1, 1]; text is None unless the method asks for it."""

    images: Tensor
    text: TextBatch | None = None


MaskAt = Literal["features", "words"]
"""Where a caption's words are masked: in the text encoder's output, or before the encoder sees them."""


class WordPredictor(Protocol):
    """Predicts masked words of captions from the other words and an image's code vectors."""

    def tokenize(self, captions: list[str]) -> Tensor:
        """int64 [B, L]: start, words, end, then 0."""

    def word_logits(self, vectors: Tensor, ids: Tensor, predict: Tensor, mask_at: MaskAt) -> Tensor:
        """Logits [B, L, V] over the vocabulary; they mean something where words are masked.

        Args:
            vectors: code vectors [B, h*w, D]. ids: captions int64 [B, L]. predict: bool [B, L], the masked words.
        """


class Tokenizer(Protocol):
    """A method's network, trained or not; also a `torch.nn.Module`.

    Any of its modules may have a float `learning_rate_scale`, its parameters' share of the learning rate, or a true
    `fixed_codebook`, where codes are not meant to move.
    With `discrete` False (the `identity` control) `encode` returns the vectors themselves, float [B, h, w, D],
    `decode` takes those, and the codebook is empty.
    It may have a `word_predictor`: a `WordPredictor` that was trained with it, or None.
    One without a parameter that requires a gradient is taken as it is, and its records say so.
    """

    grid: tuple[int, int]
    discrete: bool

    @property
    def codebook(self) -> Tensor:
        """[K, D]; [L, K, D] where a position holds L residual codes that add up."""

    def encode(self, images: Tensor) -> Tensor:
        """Images [B, 3, H, W] in [-1, 1] to indices int64 [B, h, w] (or [B, h, w, L])."""

    def decode(self, indices: Tensor) -> Tensor:
        """Indices back to images [B, 3, H, W] in [-1, 1] (not clamped)."""

    def losses(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """Weighted scalar losses of one step; their sum is what is minimised.

        Names that start with "_" are watched, not minimised. A discriminator's hinge loss is called "discriminator".
        """


class Method(Protocol):
    """A way to learn a codebook: a frozen dataclass of plain arguments, registered in one file of `methods/`.

    A method that wraps another names it in a field called `base`, so that the cache key covers that one's code too.
    A control (`identity`, `random-codebook`) is shown on the leaderboard but not ranked.
    It may have a `discrete` False: its tokenizers have no indices, so that tasks which generate them skip it.
    It may have a `predicts_words`: whether its tokenizers have a `word_predictor`.
    It may have a `missing() -> str | None`: why it cannot be built on this machine, or None; its cells are skipped.
    An argument that is a `Path` names a file that exists; keys and records hold its name and sha256.
    """

    paper: ClassVar[str]
    needs_text: ClassVar[bool]
    control: ClassVar[bool]

    def build(self, preset: Preset, dataset: str, text: TextEncoder | None) -> Tokenizer:
        """The untrained tokenizer. The global torch seed is set before the call."""


@dataclass(frozen=True)
class Question:
    """A question about image number `image` of its split. `kind` is the type it is scored under.

    `answers` holds all annotators' answers where a data set has several (VQA v2), else nothing.
    """

    image: int
    text: str
    answer: str
    kind: str
    answers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Box:
    """An expression and the box it refers to: (centre x, centre y, width, height) as fractions of the image."""

    image: int
    text: str
    box: tuple[float, float, float, float]


@dataclass(frozen=True)
class Split:
    """One split of a data set at one resolution; what a data set does not offer is empty.

    images: uint8 [N, S, S, 3], memory-mapped. captions: N sequences. masks: uint8 class ids [N, S, S].
    strips, flip: how training images are augmented while a tokenizer trains; see `bench.data.pixels.training_view`.
    warnings: what was left out of the split; its records say so.
    cache: a folder of the harness for what is computed from this split and serves many cells, under a name that holds
    a fingerprint of what computed it; None where nothing is to be kept.
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

    def __len__(self) -> int:
        return len(self.images)


class DataSet(Protocol):
    """A data set: a frozen dataclass registered in one file of `bench/data/` with the fact `offers`.

    The harness fills the three fields; a data set may add arguments of its own. One registered with `reads_files=True`
    also gets `cache`, the harness's folder; it may have `lacks(kind) -> str | None`: why something that it offers is
    not among the files. Splits are named "train",
    "validation" and "test"; further test splits are "test-<what is different>".
    """

    size: int
    limits: Mapping[str, int]
    root: Path | None
    splits: ClassVar[tuple[str, ...]]

    def fingerprint(self) -> str:
        """Hash of everything that determines the content; cheap, nothing is prepared."""

    def split(self, name: str, cache: Path) -> Split:
        """Prepare once under `cache`, then memory-map. Raises `DataError` where files are missing or broken."""


class Score(NamedTuple):
    """A metric's value and the number of examples behind it."""

    value: float
    n: int


@dataclass
class TaskResult:
    """What a task leaves behind.

    metrics: name to score, names known to the metric registry ("accuracy/color" and "accuracy@novel-pairs" are
    `accuracy`). per_example: name to float array [n]. statistics: name to array [n] of what a distance was computed
    from, stored beside the per-example scores. samples: file name to PNG bytes or text, for a person to look at.
    skipped: metric name to why it was not measured and the command that would change that. cost: name to value.
    """

    metrics: dict[str, Score]
    per_example: dict[str, np.ndarray] = field(default_factory=dict)
    statistics: dict[str, np.ndarray] = field(default_factory=dict)
    samples: dict[str, bytes | str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    cost: dict[str, float] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


class Task(Protocol):
    """A task: registered in one file of `tasks/` with the facts `needs`, `metrics` and, where it has them, the others.

    `blind` names the trivial baseline; the harness then also calls `run` with codes None. `budget` names the preset's
    budget that `run` gets, "head" (the default) or "generator". With `reads_text` True the task has an argument
    `text_encoder`, which is the run's unless it is set.
    """

    def protocol(self) -> Mapping[str, object]:
        """Everything besides the method that determines the values; hashed and stored."""

    def skip(self, dataset: DataSet, method: Method | None) -> str | None:
        """Why this combination is not run, or None."""

    def run(
        self,
        codes: Mapping[str, Codes] | None,
        dataset: Mapping[str, Split],
        budget: HeadBudget,
        seed: int,
        device: torch.device,
    ) -> TaskResult:
        """Fit on "train", choose on "validation", score on "test" (and every "test-..." split)."""


Progress = Callable[[int, int, str], None]
"""Called with (done, total, what): draws a bar on a terminal, prints now and then in a log."""
