"""Start the ranks of a training: one process each, on this machine."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from functools import partial
from multiprocessing import connection
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import torch

from bench.errors import BenchError, UsageError
from bench.system import ranks

T = TypeVar("T")

PATIENCE = 1.0
"""Seconds that a rank's error waits for news of a dead rank: that would be what made the exchange between them fail."""
FAREWELL = 10.0
"""Seconds for a process to end by itself, after its result or after a signal."""


class Failure(NamedTuple):
    """What a rank raised. error: as it was, or where it cannot be sent a RuntimeError with its type and text."""

    error: BaseException
    traceback: str


def launch(function: Callable[[int], T], devices: int, device_type: str) -> T:
    """Run `function(rank)` in one process a device and return what rank 0 returns; with one device, in this process.

    The processes are new ones: they import the function's module, and get its bound arguments, by pickle. They have as
    many threads as this one, "cuda" is in each of them its own GPU, and they do not outlive this process.

    Args:
        function: pickled; its result on rank 0 as well.
        devices: how many. device_type: "cpu" or "cuda".

    Raises:
        UsageError: fewer GPUs than devices.
        BenchError: a process died.
        Exception: what a rank raised first, with its traceback as a note; all other ranks are ended.
        BaseException: whatever stops this process. Rank 0 then gets a SIGTERM and some seconds before all are ended.
    """
    if devices == 1:
        return function(0)
    if device_type == "cuda" and torch.cuda.device_count() < devices:
        raise UsageError(f"{devices} devices are asked for, and torch sees {torch.cuda.device_count()} GPUs here")
    spawn = multiprocessing.get_context("spawn")  # threads and GPUs in use do not survive a fork
    packed, threads = pickle.dumps(function), torch.get_num_threads()
    processes: list[SpawnProcess] = []
    lines: dict[Connection, int] = {}
    with tempfile.TemporaryDirectory(prefix="ranks") as folder:
        meeting = partial(ranks.join, ranks=devices, device_type=device_type, meeting=str(Path(folder) / "meeting"))
        be_rank = partial(_be_rank, meeting=meeting, packed=packed, threads=threads, device_type=device_type)
        try:
            for rank in range(devices):
                line, end = spawn.Pipe(duplex=False)
                process = spawn.Process(target=be_rank, args=(rank, folder, end))
                process.start()
                end.close()  # now its process alone holds it, so that its death shows
                processes.append(process)
                lines[line] = rank
            result: T = _listen(lines, processes)
            for process in processes:
                process.join(FAREWELL)
        except Exception:
            raise
        except BaseException:  # this process is asked to stop: rank 0 may leave a checkpoint after its step
            for first in processes[:1]:
                first.terminate()
                first.join(FAREWELL)
            raise
        finally:
            for process in processes:
                process.kill()
                process.join()
    return result


def _listen(lines: dict[Connection, int], processes: list[SpawnProcess]) -> Any:
    """Rank 0's result, once all ranks are done."""
    result, failures, waiting = None, list[tuple[int, Failure]](), dict(lines)
    deadline: float | None = None
    while waiting:
        ready = connection.wait(list(waiting), None if deadline is None else max(0.0, deadline - time.monotonic()))
        if not ready:
            break
        for line in ready:
            assert isinstance(line, Connection)
            rank = waiting.pop(line)
            try:
                outcome = pickle.loads(line.recv_bytes())  # noqa: S301 - from a process of ours
            except EOFError:
                raise BenchError(f"rank {rank} of {len(lines)} {_end_of(processes[rank])}") from None
            if isinstance(outcome, Failure):
                failures.append((rank, outcome))
                deadline = deadline or time.monotonic() + PATIENCE
            elif rank == 0:
                result = outcome
    if failures:
        rank, first = failures[0]
        first.error.add_note(f"on rank {rank} of {len(lines)}:\n{first.traceback}")
        raise first.error
    return result


def _end_of(process: SpawnProcess) -> str:
    process.join(FAREWELL)
    code = process.exitcode
    if code is not None and code < 0:
        return f"died of {signal.Signals(-code).name}"
    return f"ended with exit status {code} before its work was done"


def _be_rank(
    rank: int,
    folder: str,
    line: Connection,
    meeting: Callable[[int], None],
    packed: bytes,
    threads: int,
    device_type: str,
) -> None:
    """What a process does from its start to its end."""
    _end_with_parent(folder)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent too, which ends its ranks
    try:
        torch.set_num_threads(threads)
        if device_type == "cuda":
            torch.cuda.set_device(rank)
        else:
            os.environ["GLOO_SOCKET_IFNAME"] = _loopback()  # whatever the host is called, nothing leaves it
        meeting(rank)
        outcome = pickle.loads(packed)(rank)  # noqa: S301 - from the parent
        # packed here: a connection packs tensors as shared memory, which ends with this process
        line.send_bytes(pickle.dumps(outcome if rank == 0 else None))
        ranks.leave()
    except Exception as error:
        line.send_bytes(pickle.dumps(Failure(_portable(error), "".join(traceback.format_exception(error)))))
        threading.Event().wait()  # ending now would fail the others, and the parent could not tell who was first
    sys.stdout.flush()
    sys.stderr.flush()


def _end_with_parent(folder: str) -> None:
    """Have this process remove the folder and die when its parent has died, however that came."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _loopback() -> str:
    return next(name for _, name in socket.if_nameindex() if name in ("lo", "lo0"))


def _portable(error: BaseException) -> BaseException:
    """The error if it is one of ours or of Python's own and can be pickled: the parent need not know a plug-in's."""
    if isinstance(error, BenchError) or type(error).__module__ == "builtins":
        with contextlib.suppress(Exception):
            copy: BaseException = pickle.loads(pickle.dumps(error))  # noqa: S301 - just packed
            return copy
    return RuntimeError(f"{type(error).__name__}: {error}")
