"""Trials under Ray Tune: each trains and evaluates in a worker process of its own, as the cells of a run do.

Tune says which trial runs where and, with ASHA, which stops; every method is judged against itself alone, never against
another. What is recorded already is read and not run, so that nothing depends on Tune's own checkpoints.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from ray import tune
from ray.tune.schedulers import AsyncHyperBandScheduler, FIFOScheduler
from ray.tune.search import Searcher
from typing_extensions import override

from bench.errors import BenchError
from bench.experiment.ray_tune import Suggesting, work_off
from bench.experiment.supervise import Worker
from bench.tuning.attempt import Conditions, complete
from bench.tuning.sampling import Sampler
from bench.tuning.trials import WHOLE, Rung, Study, Trial, Tuning

VALUE, QUARTERS, REASON, STOP = "value", "quarters", "reason", "stop"
"""What a trial reports of a rung; STOP says why nothing can go on."""

Begin = Callable[[Study, int], Trial]
"""Gives the trial of a study and number; asked for in the order of the numbers."""
Report = Callable[[Trial, Rung, float | None, str], None]
"""Is told how a rung of a trial ended: its value, or why there is none."""


@dataclass(frozen=True)
class Todo:
    """A trial as Tune passes it on; without the trial in its text, which Tune makes file names of."""

    trial: Trial = field(repr=False)


def run(
    tuning: Tuning,
    waiting: Iterable[tuple[Study, int]],
    begin: Begin,
    sampler: Sampler,
    conditions: Conditions,
    parallel: int | None,
    report: Report,
) -> list[Trial]:
    """Run trials on the Ray that `bench.experiment.ray_tune.connect` found, and leave it; returns them.

    Args:
        tuning: what is asked for.
        waiting: the trials by study and number, in the order in which they start.
        begin: gives a trial when its turn comes.
        sampler: is told how it ended.
        conditions: what is the same for all.
        parallel: trials at once at most.
        report: is told of every rung.

    Raises:
        BenchError: the search cannot go on, or Ray itself broke down.
    """
    search = _Search(waiting, begin, sampler, report)
    work_off(
        tune.with_resources(
            tune.with_parameters(_Attempt, conditions=conditions),
            lambda config: _resources(config["todo"].trial, conditions),
        ),
        search,
        parallel,
        conditions.retries,
        scheduler=EachStudy(tuning) if len(tuning.rungs) > 1 else None,
    )
    return search.begun


class _Search(Suggesting):
    """Asks the sampler for values, and tells it what came of them."""

    def __init__(self, waiting: Iterable[tuple[Study, int]], begin: Begin, sampler: Sampler, report: Report) -> None:
        super().__init__()
        self.waiting = deque(waiting)
        self.begin = begin
        self.sampler = sampler
        self.report = report
        self.begun: list[Trial] = []
        self.running: dict[str, Trial] = {}

    def suggest(self, trial_id: str) -> Any:
        if self.error is not None or not self.waiting:
            return str(Searcher.FINISHED)
        trial = self.begin(*self.waiting.popleft())
        self.begun.append(trial)
        self.running[trial_id] = trial
        return {"todo": Todo(trial), "study": "/".join(trial.study)}

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        self._report(self.running[trial_id], result)

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        trial = self.running.pop(trial_id)
        if error or not result or QUARTERS not in result:
            result = {
                QUARTERS: trial.rungs[0].quarters,
                REASON: "its Ray worker or the machine that it ran on was lost",
            }
        if STOP in result:
            self.error = BenchError(result[STOP])
            raise self.error
        self._report(trial, result)
        self.sampler.tell(trial.study, trial.number, result.get(VALUE), result[QUARTERS] == WHOLE)

    def _report(self, trial: Trial, result: dict[str, Any]) -> None:
        rung = next(rung for rung in trial.rungs if rung.quarters == result[QUARTERS])
        self.report(trial, rung, result.get(VALUE), result.get(REASON, ""))


class EachStudy(FIFOScheduler):
    """ASHA for each study alone: a method's trials are compared with one another, and with nothing else."""

    def __init__(self, tuning: Tuning) -> None:
        super().__init__()
        mode = "max" if tuning.target.higher_is_better else "min"
        first, second = tuning.rungs[:2]
        self.of_study = {
            "/".join(study): AsyncHyperBandScheduler(
                QUARTERS, VALUE, mode, max_t=WHOLE, grace_period=first, reduction_factor=second / first
            )
            for study in tuning.studies
        }

    @override
    def on_trial_add(self, tune_controller: Any, trial: Any) -> None:
        self._of(trial).on_trial_add(tune_controller, trial)

    @override
    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        return str(self._of(trial).on_trial_result(tune_controller, trial, result))

    @override
    def on_trial_complete(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> None:
        self._of(trial).on_trial_complete(tune_controller, trial, result)

    @override
    def on_trial_remove(self, tune_controller: Any, trial: Any) -> None:
        self._of(trial).on_trial_remove(tune_controller, trial)

    def _of(self, trial: Any) -> AsyncHyperBandScheduler:
        return self.of_study[trial.config["study"]]


class _Attempt(tune.Trainable):
    """A Ray actor with a worker process, used for one trial after another; a step is a rung."""

    def setup(  # type: ignore[override]  # tune.with_parameters gives the further one
        self, config: dict[str, Any], conditions: Conditions
    ) -> None:
        self.conditions = conditions
        self.worker = Worker(conditions.setup)
        self.left = deque(config["todo"].trial.rungs)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self.left = deque(new_config["todo"].trial.rungs)
        return True

    def step(self) -> dict[str, Any]:
        rung = self.left.popleft()
        try:
            records = complete(rung, self.worker, self.conditions)
        except BenchError as error:
            return {"done": True, QUARTERS: rung.quarters, STOP: str(error)}
        value, reason = self.conditions.target.value(records)
        if value is None:
            return {"done": True, QUARTERS: rung.quarters, REASON: reason}
        return {"done": not self.left, QUARTERS: rung.quarters, VALUE: value}

    def cleanup(self) -> None:
        self.worker.close()


def _resources(trial: Trial, conditions: Conditions) -> Any:
    """What a trial takes up of one machine: a CPU for each thread, and GPUs or a share of one."""
    cell = trial.rungs[0].cells[0]
    assert cell.tokenizer is not None
    bundle = {"CPU": float(cell.threads)}
    if conditions.setup.place.device == "cuda":
        bundle["GPU"] = float(cell.tokenizer.devices) if cell.tokenizer.devices > 1 else conditions.gpu
    return tune.PlacementGroupFactory([bundle])
