"""The whole path of `tune`, on a data set whose test splits must not be read."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import GUARDED, TOY
from safetensors.torch import load_file

from bench import registry
from bench.cli.main import app
from bench.errors import UsageError
from bench.experiment import serial
from bench.experiment.arguments import Setting
from bench.experiment.board import Board
from bench.experiment.conclude import Conclusion
from bench.experiment.jobs import graph, tokenizer_folder
from bench.experiment.place import Place, Setup
from bench.experiment.plan import plan
from bench.experiment.request import Request
from bench.experiment.run import planned_code
from bench.experiment.schedule import Schedule
from bench.experiment.supervise import Worker
from bench.leaderboard.board import render
from bench.records.record import Record
from bench.records.store import RecordStore
from bench.tuning.attempt import Conditions, complete
from bench.tuning.space import parse_search
from bench.tuning.target import Target
from bench.tuning.trials import Study, Tuning

RATE = parse_search("preset.learning_rate=loguniform(1e-3,1e-1)")
WORDS = ["--preset", "smoke", "--device", "cpu", "--task", "lightness", "--plugin", str(TOY), "--plugin", str(GUARDED)]
ASHA = ["tune", "--methods", "toy,toy-16", "--datasets", "guarded", "--trials", "2", "--scheduler", "asha", *WORDS]
ASHA += ["--max-parallel", "1"]


@pytest.fixture
def guarded(toy: Path) -> Path:
    """The guarded data set, registered in this process."""
    registry.add_plugin(GUARDED)
    return GUARDED


def records_of(folder: Path) -> list[Record]:
    found = RecordStore(folder).all()
    assert not found.problems
    return found.records


def test_a_killed_search_goes_on_where_it_was_and_no_test_image_is_read(
    bench: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    pytest.importorskip("ray")
    environment = {**os.environ, "PYTHONPATH": str(registry.ROOT)}
    words = [sys.executable, "-m", "bench", *ASHA]
    process = subprocess.Popen(words, cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL)
    results = tmp_path / "results"
    while not list(results.glob("*/*/*/*.json")):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = {path: path.stat().st_mtime_ns for path in results.glob("*/*/*/*.json")}

    ran = bench(*ASHA, "--json")
    assert ran.returncode == 0, ran.stderr
    assert all(path.stat().st_mtime_ns == when for path, when in kept.items())
    records = records_of(results)
    assert {(record.kind, record.status, record.task) for record in records} == {("tune", "ok", "lightness")}
    assert all(record.dataset.used == {"train": 31, "validation": 16, "test": 15} for record in records)
    assert not render(records).sections
    said = json.loads(ran.stdout)
    assert [study["method"] for study in said["studies"]] == ["toy", "toy-16"]
    of_method = [{trial["trial"]: trial["set"] for trial in study["trials"]} for study in said["studies"]]
    assert of_method[0] == of_method[1]
    assert len(of_method[0]) == 2
    values = {record.key: record.metrics["lightness"].value for record in records}
    for study in said["studies"]:
        whole = [trial for trial in study["trials"] if trial["steps"] == 60]
        assert all(trial["value"] == values[trial["keys"][0]] for trial in study["trials"])
        assert study["best"]["value"] == max(trial["value"] for trial in whole)


def test_a_trial_trains_what_a_run_trains_and_is_not_run_twice(
    guarded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    request = Request(("toy",), ("lightness",), ("toy-colours",), "smoke")
    tuning = Tuning(request, (RATE,), 1, Target("lightness", True, ""))
    trial = tuning.trial(Study("toy", "toy-colours"), 0, [RATE.draw(0)])
    of_run = plan(dataclasses.replace(request, settings=(Setting("preset", "learning_rate", RATE.draw(0)),)))[:1]
    place = Place(tmp_path / "results", tmp_path / "cache", "cpu")
    setup = Setup(place, (TOY, GUARDED), planned_code([*trial.cells, *of_run]), None)
    worker = Worker(setup)
    try:
        (record,) = complete(trial.rungs[0], worker, Conditions(tuning.target, setup))
        assert complete(trial.rungs[0], worker, Conditions(tuning.target, setup)) == [record]
        jobs = {key: job for key, job in graph(of_run, {}, place.cache).items() if job.stage in ("data", "training")}
        schedule = Schedule(jobs, 0)
        serial.work_off(schedule, worker, Conclusion(schedule, place, Board(schedule, 1, place.cache)))
    finally:
        worker.close()
    states = [tokenizer_folder(cell.tokenizer, place.cache) for cell in (*trial.cells, *of_run) if cell.tokenizer]
    trained, expected = (load_file(folder / "tokenizer.safetensors") for folder in states)
    assert states[0] != states[1]
    assert trained["levels"].equal(expected["levels"])

    # all that one trial is about is recorded now, so the command needs no Ray; with two trials it does
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.chdir(tmp_path)
    words = ["tune", "--method", "toy", "--datasets", "toy-colours", "--cache", "cache", *WORDS]
    words += ["--search", "preset.learning_rate=loguniform(1e-3,1e-1)"]
    assert app([*words, "--trials", "1"], standalone_mode=False) == 0
    value = record.metrics["lightness"].value
    last = f"toy: lightness {value:.4g} at --set preset.learning_rate={RATE.draw(0)}"
    assert capsys.readouterr().out.splitlines()[-1] == last
    with pytest.raises(UsageError, match="tune needs ray"):
        app([*words, "--trials", "2"], standalone_mode=False)


def test_a_task_that_reads_test_data_would_be_seen(guarded: Path, tmp_path: Path) -> None:
    """Without the view the same cell fails, so the test above can."""
    cells = plan(Request(("toy",), ("lightness",), ("guarded",), "smoke"))[:1]
    place = Place(tmp_path / "results", tmp_path / "cache", "cpu")
    jobs = graph(cells, {}, place.cache)
    schedule = Schedule(jobs, 0)
    conclusion = Conclusion(schedule, place, Board(schedule, 1, place.cache))
    serial.run(schedule, Setup(place, (TOY, GUARDED), planned_code(cells), None), conclusion)
    (record,) = records_of(place.results)
    assert "the test split was read" in (record.reason or "")
