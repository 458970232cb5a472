"""Trials: their cells, what they are tuned for, who chooses values, and the report."""

from __future__ import annotations

import dataclasses
import json
import math
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from helpers.made_records import a_record

from bench.errors import UsageError
from bench.experiment.arguments import Setting
from bench.experiment.plan import plan
from bench.experiment.request import Request
from bench.leaderboard.board import render
from bench.records.frame import to_frame
from bench.records.record import parse
from bench.tuning import report
from bench.tuning.sampling import Draws, Optuna
from bench.tuning.space import Search, parse_search
from bench.tuning.target import Target, find_target
from bench.tuning.trials import RUNGS, Study, Tuning
from bench.tuning.tune import find_tuning

REQUEST = Request(("toy", "toy-16"), ("reconstruction",), ("toy-colours",), "smoke")
RATE = parse_search("preset.learning_rate=loguniform(1e-3,1e-1)")
TOY = Study("toy", "toy-colours")


def a_tuning(*searches: Search, scheduler: str = "none", **changes: Any) -> Tuning:
    request = Request(**vars(REQUEST) | changes)
    return Tuning(request, searches or (RATE,), 3, Target("psnr", True, "dB"), RUNGS[scheduler])


def found(tuning: Tuning, values: dict[str, tuple[int, float | None]]) -> dict[Study, list[report.Row]]:
    """What is reported of trials of TOY; their value to the rung that they came to, and what it was worth there."""
    trials = [tuning.trial(TOY, number, [text]) for number, text in enumerate(values)]
    keys = [trial.rungs[rung].cells[0].key for trial, (rung, _) in zip(trials, values.values(), strict=True)]
    scores = [score for _, score in values.values()]
    records = {key: a_record(accuracy=score, key=key, metric="psnr") for key, score in zip(keys, scores, strict=True)}
    return report.rows(tuning, trials, records)


def test_cells_of_trials_are_no_cells_of_runs(toy: Path) -> None:
    tuning = a_tuning(seeds=(0, 1))
    cells = tuning.trial(TOY, 0, ["0.01"]).cells
    assert [(cell.method, cell.task.name, cell.seed, cell.kind) for cell in cells] == [
        ("toy", "reconstruction", 0, "tune"),
        ("toy", "reconstruction", 1, "tune"),
    ]
    assert cells[0].preset == "smoke with learning_rate=0.01"
    assert cells[0].data_used.planned == {"train": 512, "validation": 32, "test": 32}
    run = plan(Request(**vars(REQUEST) | {"settings": (Setting("preset", "learning_rate", "0.01"),)}))
    assert not {cell.key for cell in cells} & {cell.key for cell in run}
    assert not {cell.tokenizer.codes_key for cell in cells if cell.tokenizer} & {
        cell.tokenizer.codes_key for cell in run if cell.tokenizer
    }
    again = a_tuning().trial(TOY, 5, ["1e-2"]).cells
    assert again[0].key == cells[0].key  # the same values, whatever the trial and how they are written


def test_a_rung_is_a_complete_training_with_fewer_steps(toy: Path) -> None:
    tuning = a_tuning(scheduler="asha", settings=(Setting("preset", "steps", "200"),))
    rungs = tuning.trial(TOY, 0, ["0.01"]).rungs
    presets = [rung.cells[0].tokenizer.preset for rung in rungs if rung.cells[0].tokenizer]
    assert [(preset.steps, preset.discriminator_start) for preset in presets] == [(50, 7), (100, 15), (200, 30)]
    assert {preset.learning_rate for preset in presets} == {0.01}
    whole = a_tuning(settings=(Setting("preset", "steps", "200"),)).trial(TOY, 0, ["0.01"])
    assert rungs[-1].cells[0].key == whole.cells[0].key
    with pytest.raises(UsageError, match="a quarter of 3 steps"):
        a_tuning(scheduler="asha", settings=(Setting("preset", "steps", "3"),)).trial(TOY, 0, ["0.01"])


def test_all_methods_get_the_same_draws(toy: Path) -> None:
    tuning = a_tuning(RATE, parse_search("codes=choice(2,4,8)"))
    draws = Draws(tuning)
    drawn = {study: [draws.propose(study, number) for number in range(4)] for study in tuning.studies}
    assert drawn[tuning.studies[0]] == drawn[tuning.studies[1]]
    assert len(set(drawn[tuning.studies[0]])) == 4
    alone = Draws(a_tuning(RATE, methods=("toy-16",)))
    assert [alone.propose(TOY, number)[0] for number in range(4)] == [values[0] for values in drawn[tuning.studies[1]]]


def test_the_learning_rate_is_searched_where_nothing_else_is(toy: Path) -> None:
    tuning = find_tuning(REQUEST, [], 2, None, "none")
    (search,) = tuning.searches
    assert (search.name, search.space.ends) == ("preset.learning_rate", ("0.0002", "0.02"))
    assert tuning.target == Target("psnr", True, "dB")


@pytest.mark.parametrize(
    ("changes", "search", "metric", "says"),
    [
        ({"methods": ("toi",)}, [], None, "did you mean 'toy'"),
        ({"tasks": ("reconstructio",)}, [], None, "did you mean 'reconstruction'"),
        ({"datasets": ("toy-colour",)}, [], None, "did you mean 'toy-colours'"),
        ({}, ["code=choice(2,4)"], None, "did you mean 'codes'"),
        ({}, ["preset.learning_rte=uniform(0,1)"], None, "did you mean 'learning_rate'"),
        ({}, ["codes=choice(2,four)"], None, "codes=four"),
        ({}, ["codes=uniform(2,4.5)"], None, "codes=4.5"),
        ({}, ["codes=choice(2)", "codes=choice(3)"], None, "is there twice"),
        ({"settings": (Setting("toy", "codes", "2"),)}, ["codes=choice(2,4)"], None, "leave out one"),
        ({"settings": (Setting("preset", "learning_rate", "1"),)}, [], None, "leave out one"),
        ({"settings": (Setting("toi", "codes", "2"),)}, [], None, "not part of this run"),
        ({}, [], "psnt", "did you mean 'psnr'"),
        ({}, [], "usage", "no better direction"),
        ({"tasks": ("toy-task",)}, [], None, "no metric of which it is known"),
        ({"tasks": ("grounding",)}, [], None, "toy-colours offers no boxes"),
    ],
)
def test_what_is_refused(toy: Path, changes: dict[str, Any], search: list[str], metric: str | None, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        find_tuning(Request(**vars(REQUEST) | changes), list(map(parse_search, search)), 2, metric, "none")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_trial_is_worth_the_mean_over_its_seeds_or_nothing() -> None:
    target = Target("accuracy", True, "")
    assert target.value([a_record(accuracy=0.25), a_record(accuracy=0.75)]) == (0.5, "")
    assert target.value([a_record(), a_record(accuracy=None)]) == (None, "failed: TrainingDiverged: loss is NaN")
    assert target.value([a_record(metric="psnr", skipped={"accuracy": "no answers"})]) == (
        None,
        "no accuracy: no answers",
    )
    assert Target("fd", False, "").value([a_record(accuracy=3.0, metric="fd_tinyclip")]) == (3.0, "")
    assert Target("fd", False, "").value([a_record(metric="fd_tinyclip@floor")])[0] is None
    assert find_target("reconstruction", "fd_tinyclip") == Target("fd_tinyclip", False, "")


def test_the_best_is_one_that_was_trained_to_the_end(toy: Path) -> None:
    tuning = a_tuning(scheduler="asha")
    rows = found(tuning, {"0.01": (2, 20.0), "0.02": (0, 99.0), "0.04": (2, 21.0), "0.08": (1, None)})[TOY]
    assert [(row.trial.number, row.steps, row.value) for row in rows] == [
        (2, 60, 21.0),
        (0, 60, 20.0),
        (1, 15, 99.0),
        (3, 30, None),
    ]
    best = report.best(rows)
    assert best is not None
    assert best.trial.values == ("0.04",)
    assert report.best(rows[2:]) is None
    smaller = dataclasses.replace(tuning, target=Target("psnr", False, "dB"))
    assert [row.trial.number for row in found(smaller, {"0.01": (2, 20.0), "0.04": (2, 21.0)})[TOY]] == [0, 1]


def test_the_report_as_text_and_as_json(toy: Path) -> None:
    tuning = a_tuning(RATE, parse_search("codes=choice(2)"), methods=("toy",))
    trials = [tuning.trial(TOY, number, [rate, "2"]) for number, rate in enumerate(("0.01", "0.02", "0.04"))]
    keys = [trial.cells[0].key for trial in trials]
    records = {keys[0]: a_record(accuracy=None, key=keys[0]), keys[1]: a_record(accuracy=22.94, metric="psnr")}
    rows = report.rows(tuning, trials, records)
    assert report.as_text(tuning, rows).splitlines() == [
        "toy on toy-colours, reconstruction: psnr (dB, higher is better)",
        "trial  steps   psnr  preset.learning_rate  codes",
        "    2     60  22.94                  0.02      2",
        "    1     60      -                  0.01      2  failed: TrainingDiverged: loss is NaN",
        "    3     60      -                  0.04      2  not run",
        "",
        "toy: psnr 22.94 dB at --set preset.learning_rate=0.02 --set toy.codes=2",
    ]
    (study,) = json.loads(report.as_json(tuning, rows))["studies"]
    assert study["best"] == study["trials"][0]
    assert study["best"]["set"] == ["preset.learning_rate=0.02", "toy.codes=2"]
    assert [trial["value"] for trial in study["trials"]] == [22.94, None, None]
    empty = report.rows(tuning, trials, {})
    assert report.as_text(tuning, empty).splitlines()[-1] == "toy: no trial has a value"
    assert json.loads(report.as_json(tuning, empty))["studies"][0]["best"] is None


def test_trials_of_tune_are_in_no_table() -> None:
    run, trial = a_record("vqgan"), a_record("lfq", kind="tune")
    assert '"kind"' not in run.to_json()
    assert parse(trial.to_json().encode()) == trial
    assert [record.method.name for record in render([run, trial]).records] == ["vqgan"]
    assert not render([trial]).sections
    assert to_frame([run, trial])["method"].tolist() == ["vqgan"]
    assert to_frame([run, trial], kind="tune")["method"].tolist() == ["lfq"]


def test_optuna_begins_alike_for_all_methods_learns_and_goes_on_where_it_was(toy: Path, tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    pytest.importorskip("ray")
    tuning = a_tuning(parse_search("preset.learning_rate=loguniform(1e-4,1e-1)"), parse_search("codes=randint(2,9)"))
    first, second = tuning.studies

    def search(numbers: range, sampler: Optuna, study: Study) -> list[tuple[str, ...]]:
        proposed = [sampler.propose(study, number) for number in numbers]
        for number, (rate, _) in zip(numbers, proposed, strict=True):
            sampler.tell(study, number, None if number == 0 else -abs(math.log10(float(rate)) + 2), number != 1)
        return proposed

    sampler = Optuna(tuning, tmp_path)
    begun = search(range(10), sampler, first)
    assert search(range(10), sampler, second) == begun  # before results count
    one_by_one = [search(range(number, number + 1), sampler, first)[0] for number in range(10, 25)]
    early, late = ([abs(math.log10(float(rate)) + 2) for rate, _ in some] for some in (begun, one_by_one))
    assert sum(late) / len(late) < sum(early) / len(early)
    assert begun == [tuning.draw(number) for number in range(10)]
    again = Optuna(tuning, tmp_path)
    assert search(range(25), again, first) == begun + one_by_one
    assert again.propose(first, 25) not in begun + one_by_one
    for file in tmp_path.glob("tune/*.json"):
        file.write_text(json.dumps(begun[:2]))
    assert search(range(10), Optuna(tuning, tmp_path), first) == begun  # killed after two, and nothing tried twice
    for file in tmp_path.glob("tune/*.json"):
        file.write_text("[[")
    assert search(range(10), Optuna(tuning, tmp_path), first) == begun


def test_without_optuna_it_says_so(toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(UsageError, match="optuna is not installed"):
        Optuna(a_tuning(), tmp_path)


def test_asha_compares_a_method_with_itself_alone(toy: Path) -> None:
    """One method is worse than another everywhere; the better half of its own trials goes on all the same."""
    pytest.importorskip("ray")
    from bench.tuning.on_ray import QUARTERS, VALUE, EachStudy

    asha = EachStudy(a_tuning(scheduler="asha"))
    fates: dict[str, list[str]] = {"toy": [], "toy-16": []}
    for number, score in enumerate((3.0, 1.0, 4.0, 2.0)):
        for method, offset in (("toy", 0.0), ("toy-16", 100.0)):
            trial = SimpleNamespace(trial_id=f"{method}{number}", config={"study": f"{method}/toy-colours"})
            asha.on_trial_add(None, trial)
            fates[method].append(asha.on_trial_result(None, trial, {QUARTERS: 1, VALUE: offset + score}))
    assert fates["toy"] == fates["toy-16"] == ["CONTINUE", "STOP", "CONTINUE", "STOP"]
