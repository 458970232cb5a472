"""Whatever a cell does to its process, the others go on, and its record says what happened."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import pytest
from helpers.runs import FAULTY, by_task, command, environment, records, run, wait_for, wait_until_gone

from bench.records.store import RecordStore

FAULTS = {
    "exit": "exit status 7",
    "system-exit": "SystemExit",
    "segfault": "SIGSEGV",
    "killed": "SIGKILL",
    "hang": "took longer than 20 s",
    "memory": "MemoryError",
    "raise": "asked to break",
}


@pytest.mark.parametrize("engine", ["serial", "ray"])
def test_whatever_ends_a_cell_it_is_a_failed_record_and_the_others_go_on(tmp_path: Path, engine: str) -> None:
    ran = run(tmp_path, "--retries", "0", "--cell-timeout", "20", tasks=",".join(FAULTS), engine=engine)
    found = by_task(tmp_path)
    assert ran.returncode == 1
    assert found["toy", "reconstruction"].status == "ok"
    for task, says in FAULTS.items():
        assert found["toy", task].status == "failed"
        assert says in (found["toy", task].reason or "")
    assert "Traceback" not in ran.stderr


def test_failed_cells_run_again_when_asked(tmp_path: Path) -> None:
    ran = run(tmp_path, "--set", "faulty.fault=segfault-once", "--retries", "5")
    assert ran.returncode == 1, ran.stderr
    found = by_task(tmp_path)
    assert "SIGSEGV" in (found["toy", "faulty"].reason or "")
    assert found["toy", "reconstruction"].status == "ok"
    assert run(tmp_path, "--set", "faulty.fault=segfault-once", "--overwrite", "failed").returncode == 0
    assert by_task(tmp_path)["toy", "faulty"].status == "ok"
    assert (tmp_path / "counts").read_text().split("\n") == ["faulty 0", "faulty 0", ""]


def test_a_lost_process_starts_again(tmp_path: Path) -> None:
    assert run(tmp_path, "--set", "faulty.fault=killed-once", "--retries", "1").returncode == 0
    assert (tmp_path / "counts").read_text().count("faulty") == 2


def test_a_good_record_is_never_replaced_by_a_failure(tmp_path: Path) -> None:
    fault = ("--set", "faulty.fault=killed-once")
    (tmp_path / "once").touch()
    assert run(tmp_path, *fault).returncode == 0
    good = by_task(tmp_path)["toy", "faulty"]
    (tmp_path / "once").unlink()
    ran = run(tmp_path, *fault, "--overwrite", "all", "--retries", "0")
    assert ran.returncode == 1
    assert "its earlier record is kept" in ran.stderr
    assert by_task(tmp_path)["toy", "faulty"] == good


def test_nobody_reads_what_it_says(tmp_path: Path) -> None:
    process = subprocess.Popen(
        command(tmp_path), cwd=tmp_path, env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    process.wait(120)
    assert {record.status for record in records(tmp_path)} == {"ok"}


@pytest.mark.parametrize(
    ("engine", "which"), [("serial", signal.SIGINT), ("ray", signal.SIGINT), ("ray", signal.SIGTERM)]
)
def test_a_stopped_run_says_how_to_go_on_and_leaves_nothing(tmp_path: Path, engine: str, which: int) -> None:
    process = subprocess.Popen(
        command(tmp_path, "--set", "faulty.fault=hang", engine=engine),
        cwd=tmp_path, env=environment(tmp_path), stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    wait_for(tmp_path / "counts")
    process.send_signal(which)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 128 + which
    assert "run the same command to go on" in said
    assert "Traceback" not in said
    wait_until_gone(str(tmp_path))
    if engine == "serial":  # Ray kills; the next run sweeps
        assert not list(tmp_path.rglob(".*.tmp"))


@pytest.mark.parametrize("engine", ["serial", "ray"])
def test_a_killed_run_leaves_no_process(tmp_path: Path, engine: str) -> None:
    process = subprocess.Popen(
        command(tmp_path, "--set", "faulty.fault=hang", engine=engine),
        cwd=tmp_path, env=environment(tmp_path), stderr=subprocess.DEVNULL,
    )  # fmt: skip
    wait_for(tmp_path / "counts")
    process.kill()
    process.wait()
    wait_until_gone(str(tmp_path))


@pytest.mark.parametrize("engine", ["serial", "ray"])
def test_runs_at_once_do_nothing_twice(tmp_path: Path, engine: str) -> None:
    words = command(tmp_path, "--seeds", "0,1,2", engine=engine)
    runs = [subprocess.Popen(words, cwd=tmp_path, env=environment(tmp_path)) for _ in range(2)]
    assert [process.wait(300) for process in runs] == [0, 0]
    assert sorted((tmp_path / "counts").read_text().split()) == sorted(["faulty"] * 3 + ["0", "1", "2"])
    assert {record.status for record in RecordStore(tmp_path / "results").all().records} == {"ok"}


def test_code_edited_under_way_is_not_recorded_under_the_old_key(tmp_path: Path) -> None:
    """The worker holds the planned code: an edit behind it changes nothing, whatever is imported later."""
    plugin = tmp_path / "plugin.py"
    plugin.write_text(FAULTY.read_text().replace('"well", 1.0', '"well", 2.0'))
    words = [str(plugin) if word == str(FAULTY) else word for word in command(tmp_path, "--seeds", "0,1,2,3")]
    process = subprocess.Popen(words, cwd=tmp_path, env=environment(tmp_path))
    wait_for(tmp_path / "counts")
    plugin.write_text(plugin.read_text().replace('"well", 2.0', '"well", 3.0'))
    assert process.wait(120) == 0
    values = [
        record.metrics["well"].value
        for record in RecordStore(tmp_path / "results").all().records
        if record.task == "faulty"
    ]
    assert values == [2.0] * 4


def test_what_a_task_prints_is_shown_and_json_is_json(tmp_path: Path) -> None:
    ran = run(tmp_path, "--set", "faulty.fault=print", "--json")
    assert "the task says something" in ran.stderr
    assert json.loads(ran.stdout)["ok"] == len(records(tmp_path))


def test_a_cache_that_cannot_be_written_is_one_line_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    ran = run(tmp_path)
    assert ran.returncode == 2
    assert ran.stderr.splitlines()[-1].startswith(f"error: cache folder {tmp_path / 'cache'} is not writable")
    assert not list(tmp_path.rglob("*.json"))
