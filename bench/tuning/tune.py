"""Search: leave out what is recorded, hand the trials to Ray Tune, say what is best."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import Literal

from bench.errors import UsageError
from bench.experiment.guard import guarded
from bench.experiment.place import Place, Setup
from bench.experiment.plan import plan
from bench.experiment.request import Request
from bench.experiment.run import Options, planned_code
from bench.experiment.stopping import Stopped, stoppable
from bench.records.store import RecordStore
from bench.registry import tasks
from bench.system import fingerprint
from bench.system.claims import check_writable
from bench.system.environment import pick_device
from bench.system.files import sweep
from bench.system.terminal import one_line, say, show
from bench.tuning import report
from bench.tuning.attempt import Conditions, is_due
from bench.tuning.sampling import Draws, Optuna, Sampler
from bench.tuning.space import Search
from bench.tuning.target import find_target
from bench.tuning.trials import RUNGS, VIEW, Rung, Study, Trial, Tuning, default_search


def find_tuning(
    request: Request, searches: Sequence[Search], trials: int, metric: str | None, scheduler: Literal["none", "asha"]
) -> Tuning:
    """What is asked for, held to what there is.

    Args:
        request: its one task is tuned for.
        searches: the arguments; nothing stands for the preset's learning rate.
        trials: of each method.
        metric: to tune for; None for the task's first with a better direction.
        scheduler: "asha" stops trials early.

    Raises:
        UsageError: an unknown name, or a space with a value that its argument cannot have.
    """
    cells = plan(request)  # refuses what `run` refuses
    target = find_target(tasks.get(request.tasks[0]).name, metric)
    tuning = Tuning(request, tuple(searches) or (default_search(cells),), trials, target, RUNGS[scheduler])
    tuning.check()
    return tuning


def execute(tuning: Tuning, sampler: Literal["random", "optuna"], options: Options) -> int:
    """Run a search and print what came of it; returns the exit status: 1 where a method has no value at all.

    Raises:
        UsageError: a folder that cannot be written, a device that is not there, ray or optuna are not installed.
        BenchError: the search cannot go on.
    """
    store = RecordStore(options.results)
    store.check_writable()
    search = _Search(tuning, Draws(tuning) if sampler == "random" else Optuna(tuning, options.cache), options)
    try:
        trials = search.run(store)
    except Stopped as stopped:
        say(f"stopped ({stopped}); run the same command to go on")
        return stopped.exit_status
    found = report.rows(tuning, trials, store.recorded(cell.key for trial in trials for cell in trial.cells))
    show(report.as_json(tuning, found) if options.as_json else report.as_text(tuning, found))
    return 0 if all(map(report.best, found.values())) else 1


class _Search:
    """A search under way."""

    def __init__(self, tuning: Tuning, sampler: Sampler, options: Options) -> None:
        device = pick_device(options.device)
        place = Place(options.results, options.cache, device.type, checkpoint_minutes=options.checkpoint_minutes)
        cells = [cell for study in tuning.studies for cell in tuning.cells(study, ())]
        code = planned_code(cells) | {VIEW: fingerprint.of_code((VIEW,))}
        setup = Setup(place, options.plugins, code, options.timeout)
        again = ("failed",) if options.overwrite == "failed" else ()
        self.tuning, self.sampler, self.options = tuning, sampler, options
        self.conditions = Conditions(tuning.target, setup, again, options.retries, options.gpus or 1.0)
        self.threads = max(cell.threads for cell in cells)
        self.drawn: dict[tuple[Study, int], Trial] = {}
        self.ended = 0

    def run(self, store: RecordStore) -> list[Trial]:
        """Run what is left; returns all trials.

        Raises:
            UsageError: ray is needed and not installed.
            BenchError: the search cannot go on.
            Stopped: it was asked to stop.
        """
        waiting = [(study, number) for number in range(self.tuning.trials) for study in self.tuning.studies]
        if not isinstance(self.sampler, Draws):
            return self._on_ray(waiting)
        self.drawn = {place: self._begin(*place) for place in waiting}
        recorded = store.recorded(cell.key for trial in self.drawn.values() for cell in trial.cells)
        again = self.conditions.again
        left = [
            place
            for place, trial in self.drawn.items()
            if any(is_due(recorded.get(cell.key), again) for cell in trial.cells)
        ]
        self.ended = len(waiting) - len(left)
        if left:
            self._on_ray(left)
        return list(self.drawn.values())

    def _on_ray(self, waiting: Sequence[tuple[Study, int]]) -> list[Trial]:
        if importlib.util.find_spec("ray") is None:
            raise UsageError("tune needs ray, which is not installed; pip install 'ray[tune]'")
        from bench.experiment import ray_tune
        from bench.tuning import on_ray

        check_writable(self.options.cache, "cache")
        folders = (self.options.results, self.options.cache)
        for folder in folders:
            sweep(folder)
        say(f"{len(waiting)} trials to run on {self.conditions.setup.place.device}, {self.ended} recorded already")
        parallel, told = self.options.parallel, self._told
        with guarded():
            ray_tune.connect(self.options.address, self.threads)
            with stoppable():  # after Ray, which has signal handlers of its own
                trials = on_ray.run(self.tuning, waiting, self._begin, self.sampler, self.conditions, parallel, told)
        for folder in folders:
            sweep(folder)
        return trials

    def _begin(self, study: Study, number: int) -> Trial:
        trial = self.drawn.get((study, number))
        return trial or self.tuning.trial(study, number, self.sampler.propose(study, number))

    def _told(self, trial: Trial, rung: Rung, value: float | None, reason: str) -> None:
        """Say how a rung ended."""
        values = ", ".join(f"{s.name}={text}" for s, text in zip(self.tuning.searches, trial.values, strict=True))
        came = one_line(reason) if value is None else report.with_unit(self.tuning.target, value)
        who = " on ".join(trial.study) if len(set(self.tuning.request.datasets)) > 1 else trial.study.method
        say(f"{who} trial {trial.number + 1} of {self.tuning.trials}, {rung.steps} steps, {values}: {came}")
