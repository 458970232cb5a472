"""A task on trial: what its duties are asked on, and its results on codes of every form."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from typing_extensions import override

from bench.check.report import NotAsked
from bench.check.samples import (
    BUDGET,
    BUILT_IN,
    CPU,
    indices,
    make_dataset,
    residual_indices,
    several_answers,
    splits_of,
    vectors,
)
from bench.contracts.codes import Codes
from bench.contracts.data import DataSet, Split
from bench.contracts.duties import check_class
from bench.contracts.facts import TaskFacts
from bench.contracts.method import Method, TextEncoder, Tokenizer
from bench.contracts.registration import Entry
from bench.contracts.result import TaskResult
from bench.contracts.task import Task, Work
from bench.errors import ContractError
from bench.presets import Preset
from bench.registry import all_metrics, datasets

MakeCodes = Callable[[Split, int], Codes]


@dataclass(frozen=True)
class WithIndices(Method):
    """Any method, as `Task.skip` is asked about one."""

    @override
    def build(self, preset: Preset, dataset: str, text: TextEncoder | None) -> Tokenizer:
        raise NotImplementedError("made-up codes stand for this method's")


@dataclass(frozen=True)
class WithoutIndices(WithIndices):
    """Any method whose tokenizers have vectors for indices."""

    discrete: ClassVar[bool] = False


@dataclass(frozen=True)
class TaskTrial:
    """entry: the task. folder: for prepared images and what is computed from them."""

    entry: Entry[TaskFacts]
    folder: Path

    @functools.cached_property
    def task(self) -> Task:
        """The task with its default arguments."""
        task: Task = check_class(self.entry, all_metrics())()
        return task

    @functools.cached_property
    def dataset(self) -> DataSet:
        """The first data set that the task can be run on: of its own file, the usual one, any other that is built in.

        Raises:
            NotAsked: there is none; the text says why, for each.
        """
        why = []
        for entry in self._candidates():
            lacking = sorted(set(self.entry.facts.needs) - set(entry.facts.offers))
            dataset = make_dataset(entry.name)
            absent = [reason for kind in self.entry.facts.needs if not lacking and (reason := dataset.lacks(kind))]
            reason = self.task.skip(dataset, WithIndices())
            if not (lacking or absent or reason):
                return dataset
            why.append(f"{entry.name}: {reason or '; '.join(absent) or 'offers no ' + ', '.join(lacking)}")
        raise NotAsked(f"no data set to run it on ({'; '.join(why)})")

    @functools.cached_property
    def splits(self) -> dict[str, Split]:
        """All splits, every question with several answers so that what needs them can be measured."""
        return {name: several_answers(split) for name, split in splits_of(self.dataset, self.folder).items()}

    @functools.cached_property
    def on_indices(self) -> TaskResult:
        """On indices [N, h, w], as most methods give them."""
        return self.run(indices)

    @functools.cached_property
    def on_levels(self) -> TaskResult:
        """On residual indices [N, h, w, L]."""
        return self.run(residual_indices)

    @functools.cached_property
    def on_vectors(self) -> TaskResult:
        """On vectors [N, h, w, D] without indices."""
        if why := self.task.skip(self.dataset, WithoutIndices()):
            raise NotAsked(why)
        return self.run(vectors)

    @functools.cached_property
    def blind(self) -> TaskResult:
        """Without codes."""
        if self.entry.facts.blind is None:
            raise NotAsked("it has no blind baseline; the fact `blind` would name one")
        if why := self.task.skip(self.dataset, None):
            raise NotAsked(why)
        return self.run(None)

    @functools.cached_property
    def again(self) -> tuple[TaskResult, list[str]]:
        """A second run on the same indices, and the packages whose global random state it changed."""
        before = _random_states()
        result = self.run(indices)
        after = _random_states()
        return result, [package for package in before if before[package] != after[package]]

    def run(self, make: MakeCodes | None) -> TaskResult:
        """What a new object of the task measures on codes, or on none.

        Raises:
            ContractError: it returns something else.
        """
        codes = None
        if make is not None:
            codes = {name: make(split, seed) for seed, (name, split) in enumerate(self.splits.items())}
        result = type(self.task)().run(Work(codes, self.splits, BUDGET, 0, CPU))
        if not isinstance(result, TaskResult):
            raise ContractError(f"run returned a {type(result).__name__}, no bench.contracts.result.TaskResult")
        return result

    def results(self) -> Iterator[tuple[str, TaskResult]]:
        """Every result there is, with what it was measured on; those that cannot be had are left to their own duty."""
        for name in ("on_indices", "on_levels", "on_vectors", "blind"):
            try:
                yield name.replace("_", " "), getattr(self, name)
            except Exception:  # noqa: S112 - has a line of its own
                continue

    def _candidates(self) -> list[Entry]:
        entries = datasets.entries()
        names = [entry.name for entry in entries if entry.path == self.entry.path]
        names += [BUILT_IN, *(entry.name for entry in entries if not entry.facts.reads_files)]
        return [datasets.get(name) for name in dict.fromkeys(names)]


def _random_states() -> dict[str, str]:
    """Package to its global random state, as text that can be compared."""
    return {
        "torch": str(torch.get_rng_state().tolist()),
        "numpy": str(np.random.get_state(legacy=False)),
        "random": str(random.getstate()),
    }
