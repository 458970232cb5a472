"""The whole path with a toy plug-in, as a user would run it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers import TOY

from bench import registry
from bench.records.store import RecordStore

Bench = Callable[..., subprocess.CompletedProcess[str]]
RUN = (
    "run", "--methods", "toy,toy-16", "--tasks", "toy-task", "--datasets", "toy-colours", "--preset", "smoke",
    "--engine", "serial", "--device", "cpu", "--set", "reconstruction.extractors=()",
)  # fmt: skip


def values(folder: Path) -> dict[tuple[str, str], dict[str, float]]:
    found = RecordStore(folder).all()
    assert not found.problems
    return {
        (record.method.name, record.task): {name: metric.value for name, metric in record.metrics.items()}
        for record in found.records
    }


def test_run_then_again(bench: Bench, tmp_path: Path) -> None:
    first = bench(*RUN)
    assert first.returncode == 0, first.stderr
    store = RecordStore(tmp_path / "results")
    records = store.all().records
    assert {(r.method.name, r.task) for r in records} >= {
        ("toy", "toy-task"),
        ("toy-16", "toy-task"),
        ("blind", "toy-task"),
    }
    assert all(record.status == "ok" for record in records), [record.reason for record in records]
    record = next(r for r in records if r.method.name == "toy" and r.task == "toy-task")
    assert record.method.arguments == {"codes": 4, "fault": ""}
    assert record.cost["tokens_per_image"] == 64
    assert store.scores(record)["brightness"].shape == (48,)
    assert (store.path_of(record).parent / record.key / "note.txt").read_text() == "looked at"

    again = bench(*RUN)
    assert again.returncode == 0
    assert "nothing to do" in again.stdout
    assert RecordStore(tmp_path / "results").all().records == records

    assert all(np.isfinite(list(metrics.values())).all() for metrics in values(tmp_path / "results").values())
    assert (
        json.loads(bench("show", record.key[:8]).stdout.rpartition("\n")[0].rpartition("}")[0] + "}")["key"]
        == record.key
    )


def test_a_fault_in_one_cell_leaves_the_others(bench: Bench, tmp_path: Path) -> None:
    ran = bench(*RUN, "--set", "toy.fault=raise", "--set", "toy-16.fault=nan")
    assert ran.returncode == 1
    records = RecordStore(tmp_path / "results").all().records
    reasons = {record.method.name: record.reason or "" for record in records if record.status == "failed"}
    assert "the toy method was asked to break" in reasons["toy"]
    assert "loss 'codebook' is nan" in reasons["toy-16"]
    assert [r.status for r in records if r.method.name == "blind"].count("ok") >= 1
    again = bench(*RUN, "--set", "toy.fault=raise", "--set", "toy-16.fault=nan")
    assert again.returncode == 1
    assert "--overwrite failed" in again.stdout


def test_a_broken_data_set_fails_every_cell_with_its_reason(bench: Bench, tmp_path: Path) -> None:
    assert bench(*RUN, "--set", "toy-colours.broken=True").returncode == 1
    records = RecordStore(tmp_path / "results").all().records
    assert {record.status for record in records} == {"failed"}
    assert all("asked to break" in (record.reason or "") for record in records)


def test_fail_fast_stops(bench: Bench, tmp_path: Path) -> None:
    ran = bench(*RUN, "--set", "toy.fault=raise", "--fail-fast")
    assert ran.returncode == 1
    assert "stopped at the first failed cell" in ran.stderr
    records = RecordStore(tmp_path / "results").all().records
    assert {record.status for record in records if record.method.name == "toy"} == {"failed"}
    assert "toy-16" not in {record.method.name for record in records}


def test_killed_in_the_middle_then_run_again(bench: Bench, tmp_path: Path) -> None:
    """Finished cells are kept, nothing is half written, and the values are those of an undisturbed run."""
    environment = {**os.environ, "PYTHONPATH": str(registry.ROOT)}
    plugin = str(TOY)
    words = [sys.executable, "-m", "bench", *RUN, "--plugin", plugin]
    process = subprocess.Popen(words, cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL)
    results = tmp_path / "results"
    while not list(results.glob("*/*/*/*.json")):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = {path: path.stat().st_mtime_ns for path in results.glob("*/*/*/*.json")}
    RecordStore(results).all()
    assert bench(*RUN).returncode == 0
    assert all(path.stat().st_mtime_ns == when for path, when in kept.items())
    undisturbed = tmp_path / "undisturbed"
    assert bench(*RUN, "--results", str(undisturbed), "--cache", str(tmp_path / "other")).returncode == 0
    assert values(results) == values(undisturbed)
    assert not RecordStore(results).all().problems


def test_ray_gives_what_serial_gives(bench: Bench, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    serial = tmp_path / "serial"
    assert bench(*RUN, "--results", str(serial)).returncode == 0
    ray = tmp_path / "ray"
    words = [word if word != "serial" else "ray" for word in RUN]
    ran = bench(*words, "--results", str(ray), "--cache", str(tmp_path / "other"))
    assert ran.returncode == 0, ran.stderr
    assert values(ray) == values(serial)


def test_without_ray_and_pycocoevalcap(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import sys; sys.modules.update(ray=None, pycocoevalcap=None, open_clip=None)"
    )
    words = [word if word != "serial" else "auto" for word in RUN]
    ran = subprocess.run(
        [sys.executable, "-m", "bench", *words, "--plugin", str(TOY)],
        cwd=tmp_path, capture_output=True, text=True, timeout=300,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(registry.ROOT)])},
    )  # fmt: skip
    assert "engine serial" in ran.stderr
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["run", "--methods", "toi", "--tasks", "toy-task"], "did you mean 'toy'"),
        (["run", "--methods", "toy", "--tasks", "vqaa"], "did you mean 'vqa'"),
        (["run", "--methods", "toy", "--tasks", "vqa", "--datasets", "emoji-scene"], "did you mean 'emoji-scenes'"),
        (["run", "--methods", "toy", "--tasks", "vqa", "--preset", "tinny"], "did you mean 'tiny'"),
        (["run", "--methods", "toy", "--tasks", "vqa", "--seeds", "x"], "--seeds"),
        (["run", "--methods", "toy", "--tasks", "vqa", "--results", "/proc/nowhere"], "not writable"),
        (["run", "--methods", "toy", "--tasks", "vqa", "--engine", "rai"], "rai"),
        (["show", "0123456789"], "no record"),
        (["list", "method"], "method"),
    ],
)
def test_wrong_input_is_one_line_and_status_2(bench: Bench, tmp_path: Path, words: list[str], says: str) -> None:
    ran = bench(*words)
    assert ran.returncode == 2
    assert says in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not list(tmp_path.rglob("*.json"))


def test_dry_run_runs_nothing(bench: Bench, tmp_path: Path) -> None:
    ran = bench(*RUN, "--dry-run", "--json")
    assert ran.returncode == 0
    rows = json.loads(ran.stdout)
    assert {row["state"] for row in rows} == {"to run"}
    assert not (tmp_path / "runs").exists()


def test_doctor_answers(bench: Bench) -> None:
    found = json.loads(bench("doctor", "--json").stdout)
    assert {"torchvision", "ray", "java"} <= {finding["name"] for finding in found}
