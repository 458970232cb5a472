"""Claims between real processes: one at a time, whatever happens to the owner, and nothing piles up."""

import errno
import fcntl
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.system.claims import Busy, claim

HOLD = """
import sys, time
from pathlib import Path
from bench.system.claims import claim
with claim(Path(sys.argv[1])):
    print("mine", flush=True)
    time.sleep(60)
"""

CONTEND = """
import os, sys
from pathlib import Path
from bench.system.claims import claim
thing, turns = Path(sys.argv[1]), int(sys.argv[2])
inside = thing.with_name("inside")
for _ in range(turns):
    with claim(thing):
        os.close(os.open(inside, os.O_CREAT | os.O_EXCL))  # fails where somebody else is inside
        number = int(thing.read_text())
        thing.write_text(str(number + 1))
        inside.unlink()
"""


def owner(thing: Path) -> subprocess.Popen[str]:
    """A process that has claimed the thing, and keeps it."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(thing)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "mine\n"
    return process


def test_a_second_process_finds_it_busy_until_the_owner_is_killed(tmp_path: Path) -> None:
    thing = tmp_path / "new" / "thing"
    process = owner(thing)
    with pytest.raises(Busy, match="thing is claimed by another process"), claim(thing, wait=False):
        pass
    with claim(tmp_path / "new" / "other", wait=False):
        pass
    process.send_signal(signal.SIGKILL)
    process.wait()
    with claim(thing, wait=False):
        pass
    assert not list(thing.parent.iterdir())


def test_one_that_waits_goes_on_when_the_owner_is_killed(tmp_path: Path) -> None:
    process = owner(tmp_path / "thing")
    got = threading.Event()

    def wait() -> None:
        with claim(tmp_path / "thing"):
            got.set()

    thread = threading.Thread(target=wait)
    thread.start()
    assert not got.wait(0.2)
    process.kill()
    process.wait()
    assert got.wait(30)
    thread.join()


def test_many_contenders_are_never_inside_at_once(tmp_path: Path) -> None:
    thing = tmp_path / "thing"
    thing.write_text("0")
    command = [sys.executable, "-c", CONTEND, str(thing), "200"]
    processes = [subprocess.Popen(command) for _ in range(6)]
    assert [process.wait() for process in processes] == [0] * 6
    assert thing.read_text() == "1200"
    assert list(tmp_path.iterdir()) == [thing]


def test_threads_are_kept_apart_and_one_thread_may_claim_again(tmp_path: Path) -> None:
    found = []

    def other() -> None:
        try:
            with claim(tmp_path / "thing", wait=False):
                found.append("mine")
        except Busy:
            found.append("busy")

    def ask() -> None:
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()

    with claim(tmp_path / "thing"):
        with claim(tmp_path / "thing"):
            ask()
        ask()
    ask()
    assert found == ["busy", "busy", "mine"]


def test_a_fork_does_not_carry_the_claim_on(tmp_path: Path) -> None:
    """A worker that outlives its parent, or ends inside the block, is not the owner."""
    with claim(tmp_path / "thing"):
        child = multiprocessing.get_context("fork").Process(target=signal.pause)
        child.start()
    try:
        with claim(tmp_path / "thing", wait=False):
            ended = multiprocessing.get_context("fork").Process(target=sys.exit)
            ended.start()
            ended.join()
            with pytest.raises(BlockingIOError):
                fcntl.flock(os.open(tmp_path / ".thing.claim.tmp", os.O_RDWR), fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        child.kill()
        child.join()


def test_an_error_inside_ends_the_claim_and_is_not_changed(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), claim(tmp_path / "thing"):
        _ = 1 / 0
    with pytest.raises(OSError, match="mine"), claim(tmp_path / "thing", wait=False):
        raise OSError("mine")


def test_without_locks_it_says_so_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As some network file systems answer; there is none here to try it on."""

    def refuse(fd: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(BenchError) as caught, claim(tmp_path / "thing"):
        pass
    assert str(caught.value) == f"{tmp_path}: this file system offers no locks (No locks available)"


def test_where_nothing_can_be_written_it_says_so_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BenchError) as caught, claim(tmp_path / "file" / "thing"):
        pass
    assert str(caught.value) == f"{tmp_path}/file/thing cannot be claimed: {tmp_path}/file: File exists"
