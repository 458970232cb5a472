from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import TOY, command_line
from helpers.miniatures import WRITERS

from bench import registry

os.environ.setdefault("OMP_NUM_THREADS", "2")
# a shell starts what it puts into the background with SIGINT ignored, and tests are about what Ctrl-C does
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def toy() -> Path:
    """The toy plug-in, registered in this process."""
    registry.add_plugin(TOY)
    return TOY


@pytest.fixture(scope="session")
def miniatures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a miniature of every data set that is read from files, as `--data-root` takes it."""
    root = tmp_path_factory.mktemp("data")
    for name, write in WRITERS.items():
        write(root / name)
    return root


@pytest.fixture
def bench(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run `python -m bench` with the toy plug-in, in a folder of its own."""

    def call(*words: str, plugin: Path = TOY) -> subprocess.CompletedProcess[str]:
        plugins = ["--plugin", str(plugin)] if words[0] in ("run", "ablate") else []
        return command_line.run([*words, *plugins], tmp_path, {**os.environ, "PYTHONPATH": str(registry.ROOT)})

    return call
