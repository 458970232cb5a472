"""What a trial is: values for the searched arguments, and the cells that say how good they are."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from bench.errors import UsageError
from bench.experiment.arguments import Setting
from bench.experiment.plan import ALWAYS, PRESET, plan
from bench.experiment.request import Cell, Configured, Request
from bench.presets import Preset
from bench.system import fingerprint
from bench.tuning import view
from bench.tuning.space import Range, Search
from bench.tuning.target import Target

VIEW = Path(view.__file__).resolve()
"""The file whose code is part of what trials see."""
WHOLE = 4
"""Quarters of the preset's steps that a training has in the end."""
RUNGS: Mapping[str, tuple[int, ...]] = {"none": (WHOLE,), "asha": (1, 2, WHOLE)}
"""Quarters that a trial is trained with, one complete training after another, by scheduler."""
FACTOR = 10.0
"""By how much the learning rate is searched up and down where nothing else is asked for."""


class Study(NamedTuple):
    """What is tuned for itself."""

    method: str
    dataset: str


@dataclass(frozen=True)
class Rung:
    """A complete training with so many quarters of the preset's steps, for each seed, with the task on its codes."""

    quarters: int
    cells: tuple[Cell, ...]

    @property
    def steps(self) -> int:
        """Of each training."""
        return _preset_of(self.cells).steps


@dataclass(frozen=True)
class Trial:
    """Values of the searched arguments, in their order, for one study; rungs: from the shortest to the whole."""

    study: Study
    number: int
    values: tuple[str, ...]
    rungs: tuple[Rung, ...] = field(repr=False)

    @property
    def cells(self) -> list[Cell]:
        """Of all rungs."""
        return [cell for rung in self.rungs for cell in rung.cells]


@dataclass(frozen=True)
class _Seen(Configured):
    """A data set as trials see it."""

    def make(self) -> view.ValidationHalves:
        """The data set without its test splits."""
        whole = super().make()
        return view.ValidationHalves(whole.size, whole.limits, whole.root, whole=whole)


@dataclass(frozen=True)
class Tuning:
    """What is asked for. request: of all studies, with one task, and no trial's values. rungs: quarters of the steps.

    Raises:
        UsageError: an argument is searched and set at once, or is searched twice.
    """

    request: Request
    searches: tuple[Search, ...]
    trials: int
    target: Target
    rungs: tuple[int, ...] = RUNGS["none"]
    _seen: dict[str, Configured] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        names = [search.name for search in self.searches]
        given = [f"{s.name}.{s.argument}" if s.name == PRESET else s.argument for s in self.request.settings
                 if s.name == PRESET or s.name in self.request.methods]  # fmt: skip
        for name in names:
            if name in given:
                raise UsageError(f"{name} is searched by --search and given by --set: leave out one")
            if names.count(name) > 1:
                raise UsageError(f"--search {name} is there twice")

    @property
    def studies(self) -> list[Study]:
        """Each method on each data set."""
        request = self.request
        return [Study(m, d) for d in dict.fromkeys(request.datasets) for m in dict.fromkeys(request.methods)]

    def check(self) -> None:
        """Plan trials with the ends of all spaces.

        Raises:
            UsageError: a value that its argument cannot have, or a task that cannot be run.
        """
        ends = [search.space.ends for search in self.searches]
        for step in range(max(map(len, ends))):
            for study in self.studies:
                self.trial(study, 0, [of_one[step % len(of_one)] for of_one in ends])

    def draw(self, number: int) -> tuple[str, ...]:
        """The values that chance gives the trial of this number, whatever the study."""
        return tuple(search.draw(number) for search in self.searches)

    def settings(self, method: str, values: Sequence[str]) -> list[Setting]:
        """The `--set` of these values of the searched arguments."""
        pairs = zip(self.searches, values, strict=True)
        return [Setting(PRESET if s.preset else method, s.argument, value) for s, value in pairs]

    def trial(self, study: Study, number: int, values: Sequence[str]) -> Trial:
        """The trial of these values.

        Raises:
            UsageError: as `bench.experiment.plan.plan`, or there is nothing to run.
        """
        settings = self.settings(study.method, values)
        whole = self.cells(study, settings)
        preset = _preset_of(whole)
        rungs = [Rung(q, whole if q == WHOLE else self.cells(study, _shorter(settings, preset, q))) for q in self.rungs]
        return Trial(study, number, tuple(values), tuple(rungs))

    def cells(self, study: Study, settings: Iterable[Setting]) -> tuple[Cell, ...]:
        """One cell a seed, on what trials see of the data.

        Raises:
            UsageError: as `bench.experiment.plan.plan`, or the task cannot be run.
        """
        request, owners = self.request, (*study, *self.request.tasks, ALWAYS, PRESET)
        given = tuple(setting for setting in request.settings if setting.name in owners)
        new = {(setting.name, setting.argument) for setting in settings}
        given = tuple(setting for setting in given if (setting.name, setting.argument) not in new)
        request = dataclasses.replace(
            request, methods=(study.method,), datasets=(study.dataset,), settings=(*given, *settings)
        )
        cells = plan(request, self.seen)
        chosen = [cell for cell in cells if cell.tokenizer is not None and cell.task.name in request.tasks]
        for cell in chosen:
            if cell.skip:
                raise UsageError(f"{cell.task.name} of {cell.method} on {study.dataset}: {cell.skip}")
        return tuple(_as_trial(cell) for cell in chosen)

    def seen(self, dataset: Configured) -> Configured:
        """A data set as trials see it, with an identity of its own; looked at once, as its files may be many."""
        key = repr((dataset.name, dataset.arguments))
        if key not in self._seen:
            code = fingerprint.of_value([dataset.code, fingerprint.of_code([VIEW])])
            self._seen[key] = _Seen(dataset.entry, dataset.arguments, code)
        return self._seen[key]


def default_search(cells: Sequence[Cell]) -> Search:
    """What is searched where nothing else is asked for: the learning rate of the preset of these cells."""
    rate = _preset_of(cells).learning_rate
    return Search("learning_rate", True, Range(rate / FACTOR, rate * FACTOR, log=True))


def _as_trial(cell: Cell) -> Cell:
    used = cell.data_used
    return dataclasses.replace(
        cell, kind="tune", data_used=used.model_copy(update={"planned": view.sizes(used.planned)})
    )


def _shorter(settings: Sequence[Setting], preset: Preset, quarters: int) -> list[Setting]:
    """The settings of a complete training with fewer steps: what the preset does at a step moves with them."""
    fewer = {name: getattr(preset, name) * quarters // WHOLE for name in ("steps", "discriminator_start")}
    if fewer["steps"] < 1:
        raise UsageError(f"--scheduler asha: a quarter of {preset.steps} steps is none")
    kept = [setting for setting in settings if setting.name != PRESET or setting.argument not in fewer]
    return kept + [Setting(PRESET, name, str(value)) for name, value in fewer.items()]


def _preset_of(cells: Sequence[Cell]) -> Preset:
    tokenizer = cells[0].tokenizer
    assert tokenizer is not None
    return tokenizer.preset
