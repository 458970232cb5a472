"""What a task promises, asked of its results on made-up codes of a few images."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from bench.check import common
from bench.check.report import Duty, Line, NotAsked, hold
from bench.check.samples import Place
from bench.check.task_trial import TaskTrial
from bench.contracts.duties import check_declared, declared_by
from bench.contracts.metric import MetricName
from bench.contracts.registration import Entry
from bench.contracts.result import Score, TaskResult
from bench.errors import ContractError
from bench.records.record import FILE_NAME
from bench.registry import all_metrics, metrics
from bench.system.vectors import pack_vectors, unpack_vectors

REASON = 10
"""Letters that a reason for skipping a metric has at least: an empty one helps nobody."""


def check_task(plugin: str, entry: Entry[Any], place: Place) -> list[Line]:
    """Ask all duties of a task."""
    return hold(plugin, entry.path, TaskTrial(entry, place.scratch), DUTIES)


def has_a_protocol(trial: TaskTrial) -> str:
    """Plain values that JSON keeps, with a whole number "version", the same from two objects; returns the version."""
    protocol, again = (dict(type(trial.task)().protocol()) for _ in range(2))
    try:
        kept = json.loads(json.dumps(protocol, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ContractError(f"the protocol holds what is no plain value: {error}") from error
    version = kept.get("version")
    if type(version) is not int:
        raise ContractError(f'the protocol\'s "version" is {version!r}, no whole number')
    if json.dumps(protocol) != json.dumps(again):
        raise ContractError("two objects of the task give different protocols")
    return f"version {version}"


def runs_on_indices(trial: TaskTrial) -> str:
    """It can be run on some data set with codes as most methods give them; returns what came of it."""
    return f"{len(trial.on_indices.metrics)} values from {type(trial.dataset).__name__}"


def declares_what_it_measures(trial: TaskTrial) -> None:
    """Every value and every skipped metric belongs to a declared metric."""
    declared = [*declared_by(trial.entry), *(entry.name for entry in metrics.entries() if entry.from_outside)]
    for kind, result in trial.results():
        for name in (*result.metrics, *result.skipped):
            check_declared(name, declared, f"{trial.entry.name} {kind}")


def measures_what_it_declares(trial: TaskTrial) -> str | None:
    """Every declared metric is measured, or skipped for a reason that a reader can use; returns what was skipped."""
    result, known = trial.on_indices, list(all_metrics())
    names = [MetricName.parse(name, known) for name in (*result.metrics, *result.skipped)]
    for declared in declared_by(trial.entry):
        wanted = MetricName.parse(declared, known)
        if not any(name.metric == wanted.metric and wanted.source in ("", name.source) for name in names):
            raise ContractError(f"{declared!r} is declared, and neither measured nor skipped with a reason")
    for metric, why in result.skipped.items():
        if metric in result.metrics:
            raise ContractError(f"{metric!r} is both measured and skipped")
        if len(why) <= REASON:
            raise ContractError(f"{metric!r} is skipped because of {why!r}, which says too little")
    return f"skipped: {', '.join(result.skipped)}" if result.skipped else None


def has_finite_values(trial: TaskTrial) -> None:
    """Each value is a finite number of n > 0 examples, each cost a number."""
    for kind, result in trial.results():
        if not result.metrics and not result.skipped:
            raise ContractError(f"nothing was measured {kind}, and no reason given")
        for name, score in result.metrics.items():
            if not np.isfinite(score.value) or score.n < 1:
                raise ContractError(f"{name} {kind} is {score.value} of {score.n} examples")
        for name, cost in result.cost.items():
            if not isinstance(cost, float):
                raise ContractError(f"the cost {name} is a {type(cost).__name__}, no float")


def keeps_scores_of_examples(trial: TaskTrial) -> None:
    """A mean over examples has the score of each beside it, and the image of each where they share some."""
    for kind, result in trial.results():
        for name, score in result.metrics.items():
            if score.over == "examples":
                _check_examples(f"{name} {kind}", name, score, result)


def repeats_itself(trial: TaskTrial) -> None:
    """A second run with the same seed gives the same values and the same scores of examples."""
    first, (second, _) = trial.on_indices, trial.again
    names = {*first.metrics, *second.metrics}
    differing = sorted(name for name in names if first.metrics.get(name) != second.metrics.get(name))
    if differing:
        name = differing[0]
        raise ContractError(f"{name} is {first.metrics.get(name)} and, with the same seed, {second.metrics.get(name)}")
    for name, scores in first.per_example.items():
        if not np.array_equal(scores, second.per_example[name]):
            raise ContractError(f"scores of examples of {name} differ between two runs with the same seed")


def leaves_random_state(trial: TaskTrial) -> None:
    """Draws come from generators of the task's own, or inside `torch.random.fork_rng`."""
    if changed := trial.again[1]:
        raise ContractError(f"the global random state of {' and '.join(changed)} is not as it was before the run")


def leaves_files_to_look_at(trial: TaskTrial) -> str:
    """Samples are PNG bytes or text under plain file names, and all arrays can be stored; returns the names."""
    for kind, result in trial.results():
        for name, content in result.samples.items():
            if not FILE_NAME.fullmatch(name):
                raise ContractError(f"the sample {name!r} {kind} is no plain file name")
            if not isinstance(content, bytes | str):
                raise ContractError(f"the sample {name!r} {kind} is a {type(content).__name__}, no bytes or text")
        unpack_vectors(pack_vectors(result.per_example | result.statistics))
    if not trial.on_indices.samples:
        raise NotAsked("it leaves none; `samples` would show a person what the values stand for")
    return ", ".join(trial.on_indices.samples)


def scores_further_tests(trial: TaskTrial) -> str:
    """Test splits beside "test" have values of their own, marked as variants; returns the variants."""
    further = [split.variant for split in trial.splits.values() if split.name.startswith("test") and split.variant]
    if not further:
        raise NotAsked("the data set has no other")
    known = list(all_metrics())
    variants = {MetricName.parse(name, known).variant for name in trial.on_indices.metrics}
    if not variants.issuperset(further):
        raise NotAsked(f"no value is marked @{further[0]}; `work.tests` has these splits")
    return ", ".join(further)


def runs_on_levels(trial: TaskTrial) -> None:
    """Residual codes, several indices a position, are scored too."""
    _ = trial.on_levels


def runs_on_vectors(trial: TaskTrial) -> None:
    """Vectors without indices are scored, or `skip` says why not."""
    _ = trial.on_vectors


def runs_blind(trial: TaskTrial) -> str | None:
    """The blind baseline is scored without codes; returns what it is called."""
    _ = trial.blind
    return trial.entry.facts.blind


DUTIES = (
    Duty[TaskTrial](common.ABOUT, lambda trial: common.check_about(trial.entry)),
    Duty[TaskTrial](common.CLASS, lambda trial: common.check_contract(trial.entry), first=True),
    Duty[TaskTrial](common.ARGUMENTS, lambda trial: common.check_arguments(trial.entry)),
    Duty[TaskTrial]("has a protocol of plain values with a version", has_a_protocol),
    Duty[TaskTrial]("scores indices", runs_on_indices, first=True),
    Duty[TaskTrial]("scores residual indices", runs_on_levels),
    Duty[TaskTrial]("scores vectors without indices", runs_on_vectors),
    Duty[TaskTrial]("scores its blind baseline", runs_blind),
    Duty[TaskTrial]("declares what it measures", declares_what_it_measures),
    Duty[TaskTrial]("measures what it declares, or says why not", measures_what_it_declares),
    Duty[TaskTrial]("has finite values with examples behind them", has_finite_values),
    Duty[TaskTrial]("keeps the scores of examples", keeps_scores_of_examples),
    Duty[TaskTrial]("scores further test splits", scores_further_tests),
    Duty[TaskTrial]("gives the same values with the same seed", repeats_itself),
    Duty[TaskTrial]("leaves the global random state alone", leaves_random_state),
    Duty[TaskTrial]("leaves samples that can be stored", leaves_files_to_look_at),
)


def _check_examples(where: str, name: str, score: Score, result: TaskResult) -> None:
    if name not in result.per_example:
        raise ContractError(f"{where} is a mean of examples whose scores are not there")
    scores = result.per_example[name]
    if scores.shape != (score.n,):
        raise ContractError(f"{where} is a mean of {score.n} examples, whose scores are {list(scores.shape)}")
    if not np.isclose(scores.mean(dtype=np.float64), score.value, rtol=1e-5, atol=1e-7):
        raise ContractError(f"{where} is {score.value}, and the mean of its examples {scores.mean()}")
    if score.clusters is not None and len(result.per_example.get(score.clusters, ())) != score.n:
        raise ContractError(f"{where} has {score.n} examples, and not as many numbers of their images")
