"""Tasks that fail in every way a process can, and methods and tasks that count how often they run.

Each work of "counted" leaves a line in the file named by COUNTS.
"""

import ctypes
import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from typing_extensions import override

from bench.contracts.metric import Metric
from bench.contracts.result import TaskResult
from bench.contracts.task import Task, Work
from bench.registry import tasks


def count(what: str) -> None:
    """One line for one piece of work."""
    if "COUNTS" in os.environ:
        with Path(os.environ["COUNTS"]).open("a") as file:
            file.write(f"{what}\n")


@tasks.register("faulty", needs=("questions",), metrics=(Metric("well", higher_is_better=None),))
@dataclass(frozen=True)
class Faulty(Task):
    """Fails as it is told to; with "once" in the fault's name only as long as the file ONCE is not there."""

    fault: str = ""

    @override
    def protocol(self) -> Mapping[str, object]:
        return {"version": 1}

    @override
    def run(self, work: Work) -> TaskResult:
        count(f"faulty {work.seed}")
        if self.fault.endswith("-once"):
            once = Path(os.environ["ONCE"])
            if once.exists():
                return self._well()
            once.touch()
        match self.fault.removesuffix("-once"):
            case "exit":
                os._exit(7)
            case "system-exit":
                raise SystemExit(9)
            case "segfault":
                ctypes.string_at(0)
            case "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            case "hang":
                while True:
                    time.sleep(1)
            case "memory":
                np.ones(2**46)
            case "raise":
                raise RuntimeError("the task was asked to break")
            case "slow":
                time.sleep(8)
            case "print":
                print("the task says something")
        return self._well()

    def _well(self) -> TaskResult:
        result = TaskResult()
        result.add_whole("well", 1.0, 1)
        return result


@tasks.register("exit", needs=("questions",), metrics=("well",))
@dataclass(frozen=True)
class Exits(Faulty):
    """Its fault is in its name."""

    fault: str = "exit"


@tasks.register("system-exit", needs=("questions",), metrics=("well",))
@dataclass(frozen=True)
class LeavesPython(Faulty):
    """Its fault is in its name."""

    fault: str = "system-exit"


@tasks.register("segfault", needs=("questions",), metrics=("well",))
@dataclass(frozen=True)
class Crashes(Faulty):
    """Its fault is in its name."""

    fault: str = "segfault"


@tasks.register("killed", needs=("questions",), metrics=("well",))
@dataclass(frozen=True)
class Killed(Faulty):
    """Its fault is in its name."""

    fault: str = "killed"


@tasks.register("hang", needs=("questions",), metrics=("well",))
@dataclass(frozen=True)
class Hangs(Faulty):
    """Its fault is in its name."""

    fault: str = "hang"


@tasks.register("memory", needs=("questions",), metrics=("well",))
@dataclass(frozen=True)
class TakesMemory(Faulty):
    """Its fault is in its name."""

    fault: str = "memory"


@tasks.register("raise", needs=("questions",), metrics=("well",))
@dataclass(frozen=True)
class Raises(Faulty):
    """Its fault is in its name."""

    fault: str = "raise"
