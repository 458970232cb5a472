"""Who says which values are tried: chance, or Optuna's sampler through Ray."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any, Protocol

from bench.errors import UsageError
from bench.system import fingerprint
from bench.system.files import write_atomic
from bench.tuning.space import Range, Space
from bench.tuning.trials import Study, Tuning

BEGINNING = 10
"""Trials of Optuna that chance chooses: its estimate needs something to go by."""


class Sampler(Protocol):
    """Chooses the values of trials."""

    def propose(self, study: Study, number: int) -> tuple[str, ...]:
        """The values of the searched arguments for a study's trial; numbers count from 0 and come in order."""

    def tell(self, study: Study, number: int, value: float | None, whole: bool) -> None:
        """A trial has ended. value: None where it failed. whole: whether its training had all of its steps."""


class Draws:
    """Chance: the same draws for all studies, which no result changes."""

    def __init__(self, tuning: Tuning) -> None:
        self.tuning = tuning

    def propose(self, study: Study, number: int) -> tuple[str, ...]:  # noqa: ARG002 - the same for all
        """See `Sampler`."""
        return self.tuning.draw(number)

    def tell(self, study: Study, number: int, value: float | None, whole: bool) -> None:
        """Nothing."""


class Optuna:
    """Optuna's TPE, for each study one; all begin with the draws of chance. What was proposed is kept with the cache.

    Args:
        tuning: what is asked for.
        cache: where proposals are kept.

    Raises:
        UsageError: optuna is not installed.
    """

    def __init__(self, tuning: Tuning, cache: Path) -> None:
        if importlib.util.find_spec("optuna") is None:
            raise UsageError(
                "--sampler optuna: optuna is not installed; pip install 'codebook-bench[optuna]' or take random"
            )
        self.tuning = tuning
        self.files = {study: cache / "tune" / f"{_key(tuning, study)}.json" for study in tuning.studies}
        self.proposed = {study: _read(file, len(tuning.searches)) for study, file in self.files.items()}
        # a killed search proposes the same once more, since results of that are recorded, and goes on from there
        self.searchers = {study: _searcher(tuning, before) for study, before in self.proposed.items()}

    def propose(self, study: Study, number: int) -> tuple[str, ...]:
        """See `Sampler`."""
        point = self.searchers[study].suggest(str(number))
        values = tuple(search.space.written(point[search.name]) for search in self.tuning.searches)
        if number == len(self.proposed[study]):
            self.proposed[study].append(values)
            write_atomic(self.files[study], json.dumps(self.proposed[study]).encode())
        return values

    def tell(self, study: Study, number: int, value: float | None, whole: bool) -> None:
        """See `Sampler`."""
        result = {self.tuning.target.name: value, "training_iteration": 1}
        if value is not None and not whole:
            self.searchers[study].on_trial_result(str(number), result)  # stopped early: Optuna calls it pruned
        told = result if value is not None and whole else None
        self.searchers[study].on_trial_complete(str(number), told, error=value is None)


def _searcher(tuning: Tuning, before: list[tuple[str, ...]]) -> Any:
    import optuna
    from ray.tune.search.optuna import OptunaSearch

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    distributions = {search.name: _distribution(search.space) for search in tuning.searches}
    begun = before + [tuning.draw(number) for number in range(len(before), BEGINNING)]
    points = [
        {search.name: search.space.read(text) for search, text in zip(tuning.searches, values, strict=True)}
        for values in begun
    ]
    sampler = optuna.samplers.TPESampler(n_startup_trials=BEGINNING, seed=len(before))
    mode = "max" if tuning.target.higher_is_better else "min"
    return OptunaSearch(distributions, tuning.target.name, mode, points, sampler)


def _distribution(space: Space) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if not isinstance(space, Range):
        return CategoricalDistribution(space.options)
    if space.whole:
        return IntDistribution(int(space.low), int(space.high) - 1)
    return FloatDistribution(space.low, space.high, log=space.log)


def _key(tuning: Tuning, study: Study) -> str:
    """Of all that makes two searches the same, whatever the number of trials."""
    cells = [cell.key for cell in tuning.cells(study, ())]
    spaces = [[search.name, repr(search.space)] for search in tuning.searches]
    return fingerprint.of_value([cells, spaces, tuning.target.name, tuning.rungs])[:20]


def _read(file: Path, searched: int) -> list[tuple[str, ...]]:
    """What was proposed before; nothing where that cannot be read, since it only saves time."""
    try:
        before = [tuple(map(str, values)) for values in json.loads(file.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError):
        return []
    return before if all(len(values) == searched for values in before) else []
