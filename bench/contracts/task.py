"""Tasks: what is done with frozen codes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.contracts.data import DataSet, Split
from bench.contracts.result import TaskResult

if TYPE_CHECKING:
    import torch

    from bench.contracts.codes import Codes
    from bench.contracts.method import Method
    from bench.presets import Budget
    from bench.system.checkpoint import Checkpoint


@dataclass(frozen=True)
class Work:
    """What a task is given.

    codes: of every split by its name; None for the task's blind baseline.
    dataset: every split by its name.
    budget: what a network fitted on codes may spend: steps, batch_size, learning_rate, width, layers.
    seed: of all random draws. device: where to compute.
    checkpoint: where a task may keep how far a long fit is, so that a cell that is killed goes on from there; None
        keeps nothing. It is of this cell alone, and is cleared when the cell's record is written. A task takes one
        for each network, see `checkpoint_of`. It hands it to `bench.tasks.parts.networks.head.fit`, or to
        `bench.system.resume.Resumable` with a loop of its own, or uses `load`, `due` and `save` itself.
    losses: of the tokenizer's training, name to means over stretches of equally many steps; empty without a training.
    """

    codes: Mapping[str, Codes] | None
    dataset: Mapping[str, Split]
    budget: Budget
    seed: int
    device: torch.device
    checkpoint: Checkpoint | None = None
    losses: Mapping[str, Sequence[float]] = field(default_factory=dict)

    @property
    def tests(self) -> dict[str, Split]:
        """The test split and all further ones, by name."""
        return {name: split for name, split in self.dataset.items() if name.startswith("test")}

    def codes_of(self, split: str) -> Codes | None:
        """The codes of a split, or None for the blind baseline."""
        return None if self.codes is None else self.codes[split]

    def checkpoint_of(self, network: str) -> Checkpoint | None:
        """Where to keep how far the fit of this network is, if anywhere; a name of its own for each one of a task."""
        return None if self.checkpoint is None else self.checkpoint.named(network)


class Task(ABC):
    """A task on frozen codes. Subclass it as a frozen dataclass in one file of `tasks/`; its fields are its arguments.

    Its registration says what it needs of a data set and what it measures, see `bench.contracts.facts.TaskFacts`.
    It reads codes and the codebook, never an encoder's continuous features.
    """

    @abstractmethod
    def protocol(self) -> Mapping[str, object]:
        """Everything besides the method that determines the values, as plain values; hashed and stored.

        It has a whole number "version": records of an older one are not shown beside those of a newer.
        """

    def skip(self, dataset: DataSet, method: Method | None) -> str | None:  # noqa: ARG002 - most leave out nothing
        """Why this combination is not run, or None; method is None for the blind baseline."""
        return None

    @abstractmethod
    def run(self, work: Work) -> TaskResult:
        """Fit on "train", choose on "validation", score on "test" and every further test split.

        With `work.codes` None it scores the blind baseline: the strongest answer that never sees the codes.
        """
