"""What a killed run has started does not outlive it, even where nothing in its environment says whose it is."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from bench import registry

RUN = """
import subprocess, sys, time
from bench.experiment.guard import guarded
with guarded():
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"], env={})
    print(child.pid, flush=True)
    time.sleep(300)
"""


def test_a_process_without_the_mark_ends_too() -> None:
    run = subprocess.Popen(
        [sys.executable, "-c", RUN],
        env={**os.environ, "PYTHONPATH": str(registry.ROOT)}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert run.stdout is not None
    child = Path("/proc") / run.stdout.readline().strip()
    time.sleep(5)  # until the guard has looked
    assert child.exists()
    run.kill()
    run.wait()
    deadline = time.monotonic() + 60
    while child.exists():
        assert time.monotonic() < deadline
        time.sleep(0.2)
