"""`python -m bench` as a process of its own, forked from one that has imported torch: seconds less for each test."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench import registry

_server = multiprocessing.get_context("forkserver")
_server.set_forkserver_preload(["bench.experiment.run", "bench.experiment.request"])


def run(words: Sequence[str], cwd: Path, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """What the command with these words does and says, within five minutes."""
    with tempfile.TemporaryDirectory() as said:
        out, err = Path(said, "out"), Path(said, "err")
        process = _server.Process(target=_be_it, args=(list(words), cwd, dict(env), out, err))
        process.start()
        process.join(300)
        if process.exitcode is None:
            process.kill()
            raise subprocess.TimeoutExpired(list(words), 300)
        return subprocess.CompletedProcess(list(words), process.exitcode, out.read_text(), err.read_text())


def _be_it(words: list[str], cwd: Path, env: dict[str, str], out: Path, err: Path) -> None:
    """Never returns."""
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    sys.path[:] = [str(cwd), *(path for path in sys.path if path != str(registry.ROOT / "tests"))]
    for number, file in ((1, out), (2, err)):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600), number)
    sys.argv = ["bench", *words]
    status = 1
    try:
        runpy.run_module("bench", run_name="__main__", alter_sys=True)
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)
