"""Hand jobs to a worker process and hear how they end, whatever becomes of the worker."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection

from bench.experiment.jobs import Job
from bench.experiment.place import GRACE, Setup
from bench.experiment.schedule import Outcome
from bench.system.files import ROOT


class Worker:
    """A worker process, started with the first job and again when it died. Imports neither torch nor ray itself."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self._process: subprocess.Popen[bytes] | None = None
        self._line: Connection | None = None

    def run(self, job: Job, meanwhile: Callable[[], None] = lambda: None, every: float = 0.5) -> Outcome:
        """Do a job; `meanwhile` is called every so many seconds until it has ended."""
        try:
            if self._line is None:
                problem = self._start(job.threads)
                if problem is not None:
                    self.close()
                    return problem
            assert self._line is not None
            self._line.send(job)
            while not self._line.poll(every):
                meanwhile()
            outcome: Outcome = self._line.recv()
        except (EOFError, OSError):
            return Outcome("lost", f"the worker {self._died()}")
        return outcome

    def close(self) -> None:
        """End the worker; a job that it is at has `GRACE` seconds to leave a checkpoint."""
        if self._process is None or self._line is None:
            return
        self._line.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(GRACE + 5)
        self._died()

    def _start(self, threads: int) -> Outcome | None:
        """Start the process; an outcome where it cannot do any job."""
        ours, theirs = socket.socketpair()
        # libraries besides torch read these when they are imported; their sums depend on the number of threads too
        numbers = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))
        checkout = [str(ROOT)] if (ROOT / "pyproject.toml").exists() else []  # which need not be installed
        path = os.pathsep.join([*checkout, *filter(None, [os.environ.get("PYTHONPATH")])])
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "bench.experiment.worker", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            env=os.environ | numbers | {"PYTHONPATH": path},
            start_new_session=True,  # Ctrl-C reaches the run alone, which then decides
        )
        theirs.close()
        self._line = Connection(ours.detach())
        self._line.send(self.setup)
        problem: Outcome | None = self._line.recv()
        return problem

    def _died(self) -> str:
        """Clear up after a worker that is gone, and say how it went."""
        process, self._process = self._process, None
        if self._line is not None:
            self._line.close()
            self._line = None
        if process is None:
            return "could not be started"
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        code = process.wait()
        return f"died of {signal.Signals(-code).name}" if code < 0 else f"ended with exit status {code}"
