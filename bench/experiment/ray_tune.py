"""Jobs under Ray Tune, on this machine or a cluster. Besides it, only `bench.tuning` imports ray.

Tune is the scheduler and nothing more. What it "searches" is the graph of jobs: a searcher suggests whatever may start,
a trial hands its job to a worker process and returns normally whatever happened, and what is missing is worked out from
the record store, never from Tune's own checkpoints (they skip errored trials and ignore a changed grid). A trial that
ends otherwise has lost its machine, and Tune starts it again, `--retries` times.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ray
from ray import tune
from ray.tune.search import Searcher

from bench.errors import BenchError
from bench.experiment.conclude import Conclusion
from bench.experiment.jobs import Job
from bench.experiment.place import Setup
from bench.experiment.schedule import Outcome, Schedule
from bench.experiment.stopping import asked
from bench.experiment.supervise import Worker
from bench.system.environment import cpu_count

ENVIRONMENT = {
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "3600",
    "TUNE_WARN_THRESHOLD_S": "60",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DEDUP_LOGS": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_prestart_worker_first_driver": "0",  # they would wait for tasks; all that runs here are actors
}
LONGEST_FOLDER = 40
"""Characters of the folder for Ray's files: it makes sockets in it, whose paths the system limits to 107 bytes."""

PATIENCE = 10.0
"""Seconds within which a cluster's head must answer."""


def connect(address: str | None, threads: int) -> None:
    """Join a cluster, or start a Ray of this run's own, whatever else runs on the machine.

    Args:
        address: of the cluster, or None.
        threads: of the most demanding job; a Ray of one's own offers at least as many CPUs, as one job can always run.

    Raises:
        BenchError: one line that says why it cannot be had.
    """
    os.environ.update(ENVIRONMENT)
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.CRITICAL}
    for name in ("ray", "ray.tune"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        if address is not None:
            _knock(address)
            ray.init(address=address, **quiet)
        else:
            cpus = max(cpu_count(), threads)
            ray.init(address="local", num_cpus=cpus, include_dashboard=False, _temp_dir=_folder(), **quiet)
    except Exception as error:
        with contextlib.suppress(Exception):
            ray.shutdown()
        where = f"join the cluster at {address}" if address else "start"
        raise BenchError(f"Ray cannot {where}: {str(error).strip().splitlines()[0]}") from error


def _knock(address: str) -> None:
    """Try whether anybody listens at "host:port"; Ray itself tries for minutes.

    Raises:
        OSError: nobody does.
    """
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), timeout=PATIENCE).close()


def run(schedule: Schedule, setup: Setup, conclusion: Conclusion, parallel: int | None) -> None:
    """Do all jobs, on the Ray that `connect` found, and leave it; parallel: jobs at once at most.

    Raises:
        BenchError: as `Conclusion.ended`, or Ray itself broke down.
    """
    ready = _Ready(schedule, conclusion)
    jobs = schedule.jobs
    work_off(
        tune.with_resources(
            tune.with_parameters(_Runner, jobs=dict(jobs), setup=setup),
            lambda config: _resources(jobs[config["job"]], setup),
        ),
        ready,
        parallel,
        schedule.retries,
        callbacks=[_Watch(ready, conclusion)],
    )


class Suggesting(Searcher):
    """Says what runs next, and needs nothing that Tune keeps: the record store knows what is done.

    error: why nothing can go on, or None.
    """

    error: BenchError | None = None

    def set_search_properties(self, *arguments: Any, **named: Any) -> bool:  # noqa: ARG002 - nothing to be told
        """Nothing is optimised here."""
        return True

    def save(self, checkpoint_path: str) -> None:
        """Nothing."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing, likewise."""


def work_off(
    trainable: Any,
    suggesting: Suggesting,
    parallel: int | None,
    retries: int,
    scheduler: Any = None,
    callbacks: Sequence[tune.Callback] = (),
) -> None:
    """Let Tune run all that is suggested, with actors that are used again, and leave Ray.

    Args:
        trainable: with its resources. suggesting: what runs next. parallel: at once at most.
        retries: of what lost its worker or machine. scheduler: Tune's, None runs each trial to its end.
        callbacks: Tune's.

    Raises:
        BenchError: what `suggesting` says, or Ray itself broke down.
        Stopped: a signal asked for it.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="tune") as storage:
            tuner = tune.Tuner(
                trainable,
                tune_config=tune.TuneConfig(
                    search_alg=suggesting,
                    scheduler=scheduler,
                    num_samples=-1,
                    max_concurrent_trials=parallel,
                    reuse_actors=True,
                ),
                run_config=tune.RunConfig(
                    storage_path=storage,
                    verbose=0,
                    checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
                    failure_config=tune.FailureConfig(max_failures=retries),
                    callbacks=list(callbacks),
                ),
            )
            try:
                tuner.fit()
            except Exception as error:
                if (stopped := asked()) is not None:
                    raise stopped from None
                if suggesting.error is None:
                    first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
                    raise BenchError(f"Ray broke down: {first}; run the same command to go on") from error
    finally:
        ray.shutdown()
    if suggesting.error is not None:
        raise suggesting.error


class _Ready(Suggesting):
    """Suggests jobs that may start, and notes how they end."""

    def __init__(self, schedule: Schedule, conclusion: Conclusion) -> None:
        super().__init__()
        self.schedule = schedule
        self.conclusion = conclusion
        self.of_trial: dict[str, Job] = {}

    def suggest(self, trial_id: str) -> Any:
        if self.schedule.over or self.error is not None:
            return str(Searcher.FINISHED)
        job = self.schedule.start()
        if job is None:
            return None
        self.of_trial[trial_id] = job
        return {"job": job.key}

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        job = self.of_trial.pop(trial_id)
        if error or not result or "outcome" not in result:
            self.schedule.tries[job.key] = self.schedule.retries  # Tune has tried again already
            outcome = Outcome("lost", "its Ray worker or the machine that it ran on was lost")
        else:
            outcome = Outcome(**json.loads(result["outcome"]))
        try:
            self.conclusion.ended(job, outcome)
        except BenchError as stop:
            self.error = stop
            raise

    def __getstate__(self) -> dict[str, Any]:
        """Nothing of a run, which Tune would pickle for a restore; a terminal cannot be pickled."""
        return {}


class _Watch(tune.Callback):
    """Keeps the board up to date."""

    def __init__(self, ready: _Ready, conclusion: Conclusion) -> None:
        self.ready = ready
        self.board = conclusion.board

    def __getstate__(self) -> dict[str, Any]:
        """As of `_Ready`."""
        return {}

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:  # noqa: ARG002
        if trial.trial_id in self.ready.of_trial:
            self.board.started(self.ready.of_trial[trial.trial_id])

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:  # noqa: ARG002
        self.board.refresh()


class _Runner(tune.Trainable):
    """A Ray actor with a worker process, used for one job after another."""

    def setup(  # type: ignore[override]  # tune.with_parameters gives the further ones
        self, config: dict[str, Any], jobs: Mapping[str, Job], setup: Setup
    ) -> None:
        self.key = config["job"]
        self.jobs = jobs
        self.worker = Worker(setup)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self.key = new_config["job"]
        return True

    def step(self) -> dict[str, Any]:
        outcome = self.worker.run(self.jobs[self.key])
        return {"done": True, "outcome": json.dumps(outcome._asdict())}

    def cleanup(self) -> None:
        self.worker.close()


def _resources(job: Job, setup: Setup) -> Any:
    """What a job takes up of one machine: a CPU for each thread, and GPUs or a share of one."""
    bundle = {"CPU": float(job.threads)}
    if setup.place.device == "cuda" and job.stage != "data":
        bundle["GPU"] = float(job.devices) if job.devices > 1 else job.gpu
    return tune.PlacementGroupFactory([bundle])


def _folder() -> str | None:
    """A folder for Ray's files with a short name, or None for its own choice.

    Raises:
        BenchError: none can be written.
    """
    given = tempfile.gettempdir()
    for folder in (given, "/tmp", "/var/tmp", "/dev/shm"):  # noqa: S108 - Ray makes a folder of its own there
        if len(folder) <= LONGEST_FOLDER and os.access(folder, os.W_OK):
            return str(Path(folder) / "ray")
    raise BenchError(f"{given} is too long for Ray's sockets, and no shorter folder can be written")
