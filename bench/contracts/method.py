"""Methods: ways to learn a codebook, the tokenizers they build, and what a tokenizer is trained with."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple, Protocol, runtime_checkable

from torch import Tensor, nn

from bench.errors import UsageError

if TYPE_CHECKING:
    from bench.presets import Preset


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
    """A training batch. images: float [B, 3, H, W] in [-1, 1]. text: None unless the method needs text.

    In a training on several devices each gets an equal slice of the batch, and losses are averaged over them. Whatever
    is no mean over images, such as statistics of codes, is to be computed from `bench.system.ranks.joint` of slices, as
    `Autoencoder` does with all that its quantizer sees.
    """

    images: Tensor
    text: TextBatch | None = None


class TextEncoder(Protocol):
    """A frozen text encoder: evaluation mode, no gradients.

    width: T, of token and sentence features alike. length: L, the most tokens it takes. vocabulary: V.
    mask_id: the token that stands for a word that is hidden before encoding. word_embeddings: float [V, T].
    words: words of letters a to z that are one token of their own, to its id; in large vocabularies frequent first.
    """

    name: str
    width: int
    length: int
    vocabulary: int
    mask_id: int
    word_embeddings: Tensor
    words: Mapping[str, int]

    def tokenize(self, texts: list[str]) -> Tensor:
        """int64 [B, L]: start, words, end, then 0; what is too long is cut and keeps its end token."""

    def encode(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Token features [B, L', T] and sentence features [B, T] of ids [B, L'], L' <= L."""

    def fingerprint(self) -> str:
        """Hash of weights and vocabulary."""


@runtime_checkable
class ImageTextEncoder(Protocol):
    """A text encoder whose sentence features share a space with those of an image tower, as a judge of images."""

    def encode_captions(self, captions: list[str]) -> Tensor:
        """Sentence features [B, T] of captions, cut where the model's own context ends: a `length` for training may be
        shorter.
        """

    def encode_images(self, images: Tensor) -> Tensor:
        """Features [B, T] of images [B, 3, H, W] in [-1, 1]."""


MaskAt = Literal["features", "words"]
"""Where a caption's words are masked: in the text encoder's output, or before the encoder sees them."""


class WordPredictor(Protocol):
    """Predicts masked words of captions from the other words and an image's code vectors."""

    def tokenize(self, captions: list[str]) -> Tensor:
        """int64 [B, L]: start, words, end, then 0."""

    def word_logits(self, vectors: Tensor, ids: Tensor, predict: Tensor, mask_at: MaskAt) -> Tensor:
        """Logits [M, V] over the vocabulary of the M masked words, those of the first caption first.

        Args:
            vectors: code vectors [B, h*w, D].
            ids: captions, int64 [B, L].
            predict: bool [B, L], the masked words.
            mask_at: where they are masked.
        """


class Tokenizer(nn.Module, ABC):
    """A method's network, trained or not.

    grid: (h, w), set by the constructor.
    codebook: code vectors [K, D], a parameter, buffer or property; [L, K, D] where a position holds L residual codes
    that add up.
    discrete: with False (the `identity` control) `encode` returns the vectors themselves, float [B, h, w, D], `decode`
    takes those, and the codebook is empty, [0, D].

    A tokenizer without a parameter that requires a gradient is taken as it is, and its records say so.

    What training changes is in its `state_dict` (counters and moving averages are buffers), and it draws from torch's
    random state alone: so a training that is killed goes on from its checkpoint as if nothing had been.
    """

    grid: tuple[int, int]
    discrete: bool = True

    if TYPE_CHECKING:  # when running, a subclass may as well have a parameter or buffer of this name

        @property
        def codebook(self) -> Tensor:
            """Code vectors [K, D]; [L, K, D] where a position holds L residual codes that add up."""

    @abstractmethod
    def encode(self, images: Tensor) -> Tensor:
        """Images [B, 3, H, W] in [-1, 1] to indices int64 [B, h, w] in [0, K) (or [B, h, w, L])."""

    @abstractmethod
    def decode(self, indices: Tensor) -> Tensor:
        """Indices back to images [B, 3, H, W] in [-1, 1] (not clamped)."""

    @abstractmethod
    def losses(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """Weighted scalar losses of one step; their sum is what is minimised.

        Names that start with "_" are watched, not minimised. A discriminator's hinge loss is called "discriminator".
        """

    @property
    def fixed_codebook(self) -> bool:
        """Whether codes are not meant to move; else a codebook that stays as it was is reported."""
        return False

    @property
    def word_predictor(self) -> WordPredictor | None:
        """What predicts masked words and was trained with it, or None."""
        return None

    def learning_rate_scales(self) -> Mapping[nn.Module, float]:
        """Modules whose learning rate is another share of the preset's than 1."""
        return {}


class Method(ABC):
    """A way to learn a codebook. Subclass it as a frozen dataclass in one file of `methods/`.

    Its fields are its arguments: plain values with defaults. An argument that is a `Path` names a file that exists;
    keys and records hold its name and sha256. One called `codes` (K, by default the preset's) is what most methods
    have, so that codebook sizes can be compared.

    paper: where it is from. needs_text: whether it is trained with captions. control: whether it is a bound and no
    competitor, shown on the leaderboard but not ranked. discrete: whether its tokenizers have indices; tasks that
    generate indices skip it if not. warning: why it does not compare with the others on equal terms, if so; every
    record of it says it.

    Raises:
        UsageError: `codes` is no number of codes.
    """

    paper: ClassVar[str] = ""
    needs_text: ClassVar[bool] = False
    control: ClassVar[bool] = False
    discrete: ClassVar[bool] = True
    warning: ClassVar[str] = ""

    def __post_init__(self) -> None:
        """Hold the argument that most methods share to its meaning: 0 codes are not the preset's number."""
        codes = getattr(self, "codes", None)
        if isinstance(codes, int) and codes < 1:
            raise UsageError(f"{type(self).__name__}.codes={codes}: a codebook has 1 code or more")

    @abstractmethod
    def build(self, preset: Preset, dataset: str, text: TextEncoder | None) -> Tokenizer:
        """The untrained tokenizer; the global torch seed is set before the call.

        Args:
            preset: sizes: `image_size`, `grid` (side of the code grid), `codes` (K), `width` (D).
            dataset: its name, for methods whose published settings depend on it.
            text: the run's text encoder where the method needs text, else None.
        """

    def missing(self) -> str | None:
        """Why it cannot be built on this machine, or None; its cells are then skipped."""
        return None

    def wraps(self) -> str | None:
        """The name of the method it adds to, or None; that one's code then counts in keys too."""
        return None

    def unfit_for(self, task: str) -> str | None:  # noqa: ARG002 - most are fit for all
        """Why what the task of this name measures would mean nothing for its codes, or None; its cell is then skipped.

        For a method whose tokens stand for no place of the image, and a task that takes them for places, say.
        """
        return None
