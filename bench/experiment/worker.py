"""A worker process: holds the planned code, and does each job in a fork of itself.

It imports all code that the run was planned with once, at its start, and compares it with the plan. So an edit while a
run is under way cannot reach a job, every job begins in the same state whatever ran before it, and one that crashes,
hangs or is killed takes nothing with it. Started by `bench.experiment.supervise`, which it does not outlive.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import importlib
import json
import os
import platform
import select
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterable
from multiprocessing.connection import Connection
from pathlib import Path
from types import FrameType

from bench.errors import BenchError
from bench.experiment.jobs import Job
from bench.experiment.place import GRACE, Place, Setup, edited
from bench.experiment.schedule import Outcome
from bench.experiment.stages import perform
from bench.records.store import RecordStore
from bench.registry import REGISTRIES, add_plugin
from bench.system import fingerprint, progress
from bench.system.claims import Busy, claim
from bench.system.environment import describe
from bench.system.files import ROOT
from bench.system.memory import keep_freed_memory

DIE_WITH_PARENT = 1
"""PR_SET_PDEATHSIG of Linux's prctl."""
PATIENCE = 60.0
"""Seconds that a machine may take to see what another one has made."""
SAID = 4_000
"""Characters kept of what a job printed."""


def main(fd: int) -> None:
    """Answer jobs with outcomes over a socket until its other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the run decides what becomes of a job
    line = Connection(fd)
    setup: Setup = line.recv()
    try:
        problem = _load(setup)
    except BaseException as error:
        problem = Outcome("failed", _in_a_line(error), _tail(error))
    line.send(problem)
    modules: list[str] = []
    while problem is None:
        try:
            job: Job = line.recv()
        except (EOFError, OSError):
            break
        _import_too(modules)  # only now: after the last job it would be for nothing
        outcome, modules = _in_a_fork(job, setup, line)
        line.send(outcome)
    os._exit(0)  # a second less than Python takes to dismantle torch; the run waits for it


def _load(setup: Setup) -> Outcome | None:
    """Import what was planned, and compare; the outcome of all jobs where that cannot be."""
    for path in setup.plugins:
        add_plugin(path)
    entries = {entry.path: entry for registry in REGISTRIES for entry in registry.entries()}
    for path in setup.code:
        if path in entries:
            entries[path].load()
    for file in _all_files(setup.code):
        parts = file.relative_to(ROOT).with_suffix("").parts if file.is_relative_to(ROOT) else ("",)
        if parts[0] in ("bench", "methods", "tasks"):  # the files of plug-ins were imported with their entries
            importlib.import_module(".".join(parts if parts[0] == "bench" else ("bench", *parts)))
    if (edit := edited(setup.code)) is not None:
        return Outcome("stale", f"{edit} or a file that it uses was edited since the run began")
    import torch

    describe(torch.device("cpu"))  # asks git, once for all jobs
    return None


def _all_files(files: Iterable[Path]) -> set[Path]:
    found: set[Path] = set()
    queue = [file.resolve() for file in files]
    while queue:
        file = queue.pop()
        if file not in found:
            found.add(file)
            queue.extend(fingerprint.imported_files(file))
    return found


def _in_a_fork(job: Job, setup: Setup, line: Connection) -> tuple[Outcome, list[str]]:
    """Do a job in a child: how that ended, whatever happens to the child, and what it had to import."""
    started = time.perf_counter()
    answer, child_end = os.pipe()
    killed_before = _kernel_kills()
    with tempfile.TemporaryFile() as printed:
        child = os.fork()
        if child == 0:
            os.close(answer)
            line.close()
            _be_the_child(job, setup, child_end, printed.fileno())
        os.close(child_end)
        late = _wait(answer, line, child, setup.timeout)
        text = _read_all(answer) if not late else b""
        _end_group(child)
        status = os.waitpid(child, 0)[1]
        printed.seek(max(0, printed.seek(0, os.SEEK_END) - SAID))
        said = printed.read().decode(errors="replace")
    seconds = time.perf_counter() - started
    if late:
        return Outcome("failed", f"took longer than {setup.timeout:g} s", said=said, seconds=seconds), []
    with contextlib.suppress(ValueError, TypeError):
        outcome, modules = json.loads(text)
        return Outcome(**outcome)._replace(said=said, seconds=seconds), modules
    return _died(os.waitstatus_to_exitcode(status), _kernel_kills() > killed_before, said)._replace(seconds=seconds), []


def _died(code: int, of_memory: bool, said: str) -> Outcome:
    """Of a child that ended without an answer; code: as of subprocess."""
    if code >= 0:
        return Outcome("failed", f"its process ended with exit status {code}", said, said)
    name = signal.Signals(-code).name
    if of_memory:
        return Outcome("failed", f"out of memory: the kernel killed its process ({name})", said or None, said)
    lost = -code in (signal.SIGKILL, signal.SIGTERM)
    return Outcome("lost" if lost else "failed", f"its process died of {name}", said or None, said)


def _wait(answer: int, line: Connection, child: int, timeout: float | None) -> bool:
    """Until the child answers or dies; True where it took too long. Without a run to answer to, nothing goes on."""
    readable, _, _ = select.select([answer, line.fileno()], [], [], timeout)
    if line.fileno() in readable:
        # the run has stopped or is gone; a training leaves a checkpoint
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGTERM)
        select.select([answer], [], [], GRACE)
        _end_group(child)
        os._exit(1)
    return not readable


def _be_the_child(job: Job, setup: Setup, answer: int, printed: int) -> None:
    """Never returns."""
    try:
        os.setsid()
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGKILL)
        os.dup2(printed, 1)
        os.dup2(printed, 2)
        faulthandler.enable()
        signal.signal(signal.SIGTERM, _stop)
        keep_freed_memory()
        before = set(sys.modules)
        outcome = _outcome(job, setup)
        modules = sorted(set(sys.modules) - before)
        sys.stdout.flush()
        sys.stderr.flush()
        with os.fdopen(answer, "wb") as file:
            file.write(json.dumps([outcome._asdict(), modules]).encode())
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _outcome(job: Job, setup: Setup) -> Outcome:
    place = setup.place
    file = place.cache / "progress" / f"{job.key}.json"
    try:
        with _claimed(job, place):
            if job.due and not _is_due(job, place.results):
                return Outcome("done")
            _see(job.reads)
            with contextlib.suppress(OSError):  # a cache that is complete may be read-only
                file.parent.mkdir(parents=True, exist_ok=True)
            progress.report_into(file)
            try:
                record = perform(job, setup)
            finally:
                with contextlib.suppress(OSError):
                    file.unlink(missing_ok=True)
            return Outcome("done", line=record.line() if record else "")
    except Busy:
        return Outcome("busy")
    except (Exception, SystemExit) as error:
        return Outcome("failed", _in_a_line(error), None if isinstance(error, BenchError) else _tail(error))


def _claimed(job: Job, place: Place) -> contextlib.AbstractContextManager[None]:
    """Beside what the job makes: its record, or something in the cache. Preparing data claims each split by itself."""
    if job.stage == "data":
        return contextlib.nullcontext()
    return claim((place.results / ".claims" if job.stage == "cell" else place.cache / "claims") / job.key, wait=False)


def _see(folders: Iterable[Path]) -> None:
    """Wait for what another machine has just made: file systems over a network show it some seconds later.

    Raises:
        BenchError: this machine does not come to see it.
    """
    deadline = time.monotonic() + PATIENCE
    for folder in folders:
        while not folder.exists():
            if time.monotonic() > deadline:
                raise BenchError(f"{platform.node()} does not see {folder}: the cache has to lie where all do")
            time.sleep(0.5)
            with contextlib.suppress(OSError):
                os.listdir(folder.parent)  # noqa: PTH208 - asks the server anew


def _is_due(job: Job, results: Path) -> bool:
    """Whether a cell that the job is for is still without the record that the run is to make."""
    store = RecordStore(results)
    for due in job.due:
        record = store.get(due.key)
        if record is None or record.created == due.replaces:
            return True
    return False


def _stop(signum: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a signal handler's arguments
    raise KeyboardInterrupt  # scratch is removed and claims are released on the way out


def _import_too(modules: Iterable[str]) -> None:
    """Libraries that a job had to import: the next ones find them imported. Project code was imported at the start."""
    for name in modules:
        with contextlib.suppress(Exception):  # whoever needs it meets the same error and reports it
            importlib.import_module(name)


def _end_group(child: int) -> None:
    """End the child and what it started: Java, ranks of a training."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)


def _read_all(answer: int) -> bytes:
    with os.fdopen(answer, "rb") as file:
        return file.read()


def _kernel_kills() -> int:
    """How many processes the kernel has killed for memory in this control group so far, where it says so."""
    with contextlib.suppress(OSError, ValueError, StopIteration):
        lines = Path("/sys/fs/cgroup/memory.events").read_text(encoding="utf-8").splitlines()
        return int(next(line for line in lines if line.startswith("oom_kill ")).split()[1])
    return 0


def _in_a_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _tail(error: BaseException) -> str:
    return "".join(traceback.format_exception(error)[-6:])


if __name__ == "__main__":
    main(int(sys.argv[1]))
