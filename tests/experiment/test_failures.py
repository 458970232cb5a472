"""Whatever a cell does to its process, the others go on, and its record says what happened."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers import TOY

from bench import registry
from bench.records.record import Record
from bench.records.store import RecordStore

FAULTY = TOY.with_name("faulty_plugin.py")


def command(tmp_path: Path, *more: str, tasks: str = "faulty", engine: str = "serial") -> list[str]:
    return [
        sys.executable, "-m", "bench", "run", "--methods", "toy", "--tasks", tasks, "--datasets", "toy-colours",
        "--preset", "smoke", "--device", "cpu", "--engine", engine, "--plugin", str(TOY), "--plugin", str(FAULTY),
        "--results", str(tmp_path / "results"), "--cache", str(tmp_path / "cache"), *more,
    ]  # fmt: skip


def environment(tmp_path: Path) -> dict[str, str]:
    more = {"PYTHONPATH": str(registry.ROOT), "COUNTS": str(tmp_path / "counts"), "ONCE": str(tmp_path / "once")}
    return {**os.environ, **more}


def run(tmp_path: Path, *more: str, engine: str = "serial") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(tmp_path, *more, engine=engine),
        cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, timeout=300,
    )  # fmt: skip


def records(tmp_path: Path) -> dict[tuple[str, str], Record]:
    found = RecordStore(tmp_path / "results").all()
    assert not found.problems
    return {(record.method.name, record.task): record for record in found.records}


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("exit", "exit status 7"),
        ("system-exit", "SystemExit"),
        ("segfault", "SIGSEGV"),
        ("killed", "SIGKILL"),
        ("hang", "took longer than 3 s"),
        ("memory", "MemoryError"),
        ("raise", "asked to break"),
    ],
)
def test_a_cell_that_ends_its_process_is_a_failed_record(tmp_path: Path, fault: str, says: str) -> None:
    timeout = ("--cell-timeout", "3") if fault == "hang" else ()
    ran = run(tmp_path, "--set", f"faulty.fault={fault}", "--retries", "0", *timeout)
    found = records(tmp_path)
    assert ran.returncode == 1
    assert found["toy", "faulty"].status == "failed"
    assert says in (found["toy", "faulty"].reason or "")
    assert found["toy", "reconstruction"].status == "ok"
    assert "Traceback" not in ran.stderr


def test_the_same_under_ray_and_again_with_overwrite_failed(tmp_path: Path) -> None:
    ran = run(tmp_path, "--set", "faulty.fault=segfault-once", engine="ray")
    assert ran.returncode == 1, ran.stderr
    found = records(tmp_path)
    assert "SIGSEGV" in (found["toy", "faulty"].reason or "")
    assert found["toy", "reconstruction"].status == "ok"
    assert run(tmp_path, "--set", "faulty.fault=segfault-once", "--overwrite", "failed").returncode == 0
    assert records(tmp_path)["toy", "faulty"].status == "ok"
    assert (tmp_path / "counts").read_text().split("\n") == ["faulty 0", "faulty 0", ""]


def test_a_lost_process_starts_again_a_broken_one_does_not(tmp_path: Path) -> None:
    assert run(tmp_path, "--set", "faulty.fault=killed-once", "--retries", "1").returncode == 0
    assert (tmp_path / "counts").read_text().count("faulty") == 2
    assert run(tmp_path, "--set", "faulty.fault=exit-once", "--retries", "5", "--seeds", "1").returncode == 0


def test_what_a_task_prints_is_shown(tmp_path: Path) -> None:
    assert "the task says something" in run(tmp_path, "--set", "faulty.fault=print").stderr


def test_a_good_record_is_never_replaced_by_a_failure(tmp_path: Path) -> None:
    fault = ("--set", "faulty.fault=killed-once")
    (tmp_path / "once").touch()
    assert run(tmp_path, *fault).returncode == 0
    good = records(tmp_path)["toy", "faulty"]
    (tmp_path / "once").unlink()
    ran = run(tmp_path, *fault, "--overwrite", "all", "--retries", "0")
    assert ran.returncode == 1
    assert "its earlier record is kept" in ran.stderr
    assert records(tmp_path)["toy", "faulty"] == good


def test_nobody_reads_what_it_says(tmp_path: Path) -> None:
    process = subprocess.Popen(
        command(tmp_path), cwd=tmp_path, env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    process.wait(120)
    assert {record.status for record in records(tmp_path).values()} == {"ok"}


@pytest.mark.parametrize("engine", ["serial", "ray"])
@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM])
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


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 120
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def wait_until_gone(mark: str) -> None:
    """No process of the run is left: they all inherit its environment, in which the mark stands."""
    deadline = time.monotonic() + 60
    while left := processes(mark):
        assert time.monotonic() < deadline, left
        time.sleep(0.5)


def processes(mark: str) -> list[str]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"={mark}".encode() in (folder / "environ").read_bytes() and folder.name != str(os.getpid()):
                found.append((folder / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


def test_json_of_a_run_is_json(tmp_path: Path) -> None:
    ran = run(tmp_path, "--json")
    assert json.loads(ran.stdout)["ok"] == len(records(tmp_path))
