"""A Ctrl-C while Ray starts: it takes effect when Ray has started, as the end of a run in order."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from bench.experiment.stopping import Stopped, held_back


def test_an_interrupt_in_the_block_stops_the_run_at_its_end() -> None:
    before, steps = signal.getsignal(signal.SIGINT), []

    def start() -> None:
        with held_back():
            os.kill(os.getpid(), signal.SIGINT)
            steps.append("started")
        steps.append("went on")

    with pytest.raises(Stopped) as stopped:
        start()
    assert steps == ["started"]
    assert stopped.value.exit_status == 130
    assert signal.getsignal(signal.SIGINT) is before


def test_without_one_nothing_happens_and_an_error_of_the_block_stays() -> None:
    with held_back():
        pass
    with pytest.raises(ValueError, match="cannot start"), held_back():
        raise ValueError("cannot start")


def test_a_second_one_ends_the_process() -> None:
    code = (
        "import os, signal; from bench.experiment.stopping import held_back\n"
        "with held_back():\n for _ in range(2): os.kill(os.getpid(), signal.SIGINT)\n print('still here')"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (130, "")
