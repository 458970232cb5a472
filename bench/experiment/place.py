"""Where jobs run and what their processes are told: nothing of it determines a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.system import fingerprint

GRACE = 10.0
"""Seconds that a job gets for leaving a checkpoint when the run is stopped."""


@dataclass(frozen=True)
class Place:
    """Where jobs run and what they may touch.

    results, cache: absolute, since an engine may change the working directory. device: "cpu" or "cuda".
    checkpoint_minutes: between two checkpoints of a training. tensorboard: whether trainings leave event files under
    the cache.
    """

    results: Path
    cache: Path
    device: str
    checkpoint_minutes: float = 10.0
    tensorboard: bool = False


@dataclass(frozen=True)
class Setup:
    """What a worker process is told first.

    plugins: files given by --plugin. code: of each planned file, its fingerprint. timeout: seconds that a job may take.
    """

    place: Place
    plugins: tuple[Path, ...]
    code: Mapping[Path, str]
    timeout: float | None


def edited(code: Mapping[Path, str]) -> Path | None:
    """The first of the planned files whose code is not what was planned, as this process, being new, finds it."""
    return next((path for path, planned in code.items() if fingerprint.of_code([path]) != planned), None)
