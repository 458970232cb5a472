"""Runs of the faulty plug-in from tests: commands, their environment, and what they leave."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from bench import registry
from bench.records.record import Record
from bench.records.store import RecordStore
from helpers import TOY, command_line

FAULTY = TOY.with_name("faulty_plugin.py")


def command(tmp_path: Path, *more: str, tasks: str = "faulty", engine: str = "serial") -> list[str]:
    return [
        sys.executable, "-m", "bench", "run", "--methods", "toy", "--tasks", tasks, "--datasets", "toy-colours",
        "--preset", "smoke", "--device", "cpu", "--engine", engine, "--plugin", str(TOY), "--plugin", str(FAULTY),
        "--set", "reconstruction.extractors=()",
        "--results", str(tmp_path / "results"), "--cache", str(tmp_path / "cache"), *more,
    ]  # fmt: skip


def environment(tmp_path: Path) -> dict[str, str]:
    more = {"PYTHONPATH": str(registry.ROOT), "COUNTS": str(tmp_path / "counts"), "ONCE": str(tmp_path / "once")}
    return {**os.environ, **more}


def run(tmp_path: Path, *more: str, tasks: str = "faulty", engine: str = "serial") -> subprocess.CompletedProcess[str]:
    words = command(tmp_path, *more, tasks=tasks, engine=engine)
    return command_line.run(words[3:], tmp_path, environment(tmp_path))


def records(tmp_path: Path) -> list[Record]:
    found = RecordStore(tmp_path / "results").all()
    assert not found.problems
    return found.records


def by_task(tmp_path: Path) -> dict[tuple[str, str], Record]:
    return {(record.method.name, record.task): record for record in records(tmp_path)}


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 300
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
