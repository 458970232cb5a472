"""Loops that are killed and taken up."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from bench.system.batches import shuffled
from bench.system.checkpoint import Checkpoint, State
from bench.system.resume import Part, Resumable

CPU = torch.device("cpu")
STEPS = 23


class Often(Checkpoint):
    """It is time at every third question."""

    asked = 0

    def due(self) -> bool:
        self.asked += 1
        return self.asked % 3 == 0


def loop(
    checkpoint: Checkpoint | None,
    seed: int = 0,
    meanwhile: Callable[[int], None] = lambda _: None,
    width: int = 4,
    parts: dict[str, Part] | None = None,
) -> dict[str, Tensor]:
    """A small training with all that a training may have; returns its weights."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(5)
    batches = shuffled(7, 3, rng)
    model = nn.Sequential(nn.Linear(7, width), nn.BatchNorm1d(width), nn.Dropout(0.5), nn.Linear(width, 1))
    muon = torch.optim.Muon([parameter for parameter in model.parameters() if parameter.ndim == 2], 0.02)
    optimizer = torch.optim.Adam([parameter for parameter in model.parameters() if parameter.ndim != 2], 0.1)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (1 + step))
    own: dict[str, Part] = {"model": model, "optimizer": optimizer, "schedule": schedule, "batches": batches}
    own["muon"] = muon
    with Resumable(own | (parts or {}), CPU, checkpoint) as training:
        for step in training.steps(STEPS):
            meanwhile(step)
            rows = next(batches)
            x = torch.eye(7)[rows] + torch.from_numpy(rng.normal(size=(3, 7))).float()
            loss = (model(x) - torch.from_numpy(rows)[:, None]).square().mean()
            model.zero_grad()
            loss.backward()
            muon.step()
            optimizer.step()
            schedule.step()
    return {**model.state_dict(), "drawn": torch.rand(1), "numpy": torch.tensor(rng.random())}


UNDISTURBED = loop(None)


def same(state: dict[str, Tensor]) -> bool:
    assert state.keys() == UNDISTURBED.keys()
    return all(torch.equal(value, UNDISTURBED[name]) for name, value in state.items())


def stop_at(step: int, how: Callable[[], Any]) -> Callable[[int], None]:
    return lambda now: how() if now == step else None


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_checkpoint_changes_nothing(tmp_path: Path) -> None:
    assert same(loop(Often(tmp_path, 0)))
    assert not same(loop(None, seed=1))


def test_a_process_that_is_killed_at_random_steps_ends_as_one_that_is_not(tmp_path: Path) -> None:
    steps = sorted(np.random.default_rng().choice(np.arange(3, STEPS), 2, replace=False).tolist())
    for seed, step in enumerate(steps):
        process = multiprocessing.get_context("fork").Process(
            target=loop, args=(Often(tmp_path, 0), seed, stop_at(step, die))
        )
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL
    seen: list[int] = []
    assert same(loop(Often(tmp_path, 0), 9, seen.append)), steps
    assert 0 < seen[0] <= steps[-1]
    assert seen[-1] == STEPS - 1


def test_what_is_done_is_not_done_again(tmp_path: Path) -> None:
    loop(Checkpoint(tmp_path, 10))
    assert same(loop(Checkpoint(tmp_path, 10), 9, lambda _: pytest.fail("a step was done again")))


@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_waits_for_the_step_and_its_checkpoint(which: signal.Signals, tmp_path: Path) -> None:
    def stopped(signum: int, frame: object) -> None:
        raise InterruptedError

    before = signal.signal(which, stopped)
    try:
        with pytest.raises(InterruptedError):
            loop(Checkpoint(tmp_path, 1e9), 0, stop_at(11, lambda: signal.raise_signal(which)))
        assert signal.getsignal(which) is stopped
        seen: list[int] = []
        assert same(loop(Checkpoint(tmp_path, 1e9), 9, seen.append))
        assert seen[0] == 12
    finally:
        signal.signal(which, before)


def test_a_second_signal_does_not_wait(tmp_path: Path) -> None:
    def insist() -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        pytest.fail("still here")

    with pytest.raises(KeyboardInterrupt):
        loop(Checkpoint(tmp_path, 1e9), 0, stop_at(4, insist))
    assert Checkpoint(tmp_path, 1e9).load() is None


def test_signals_are_left_alone_without_a_checkpoint_and_in_threads(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        loop(None, 0, stop_at(4, lambda: signal.raise_signal(signal.SIGINT)))
    failed: list[BaseException] = []

    def in_thread() -> None:
        try:
            loop(Checkpoint(tmp_path, 1e9))
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=in_thread)
    thread.start()
    thread.join()
    assert not failed


def test_seconds_before_an_interruption_count(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path, 10)
    with Resumable({}, CPU, checkpoint) as training:
        training._started -= 100
        list(training.steps(1))
    with Resumable({}, CPU, checkpoint) as training:
        assert training.done == 1
        assert 100 < training.seconds < 200


def without(state: State, *names: str) -> None:
    for name in names[:-1]:
        state = state[name]
    del state[names[-1]]


def other_moment(state: State) -> None:
    state["parts"]["optimizer"]["state"][1]["exp_avg"] = torch.zeros(3)


MISFITS: dict[str, Callable[[State], object]] = {
    "no steps": lambda state: without(state, "done"),
    "no random state": lambda state: without(state, "random", "cpu"),
    "a part too few": lambda state: without(state, "parts", "schedule"),
    "a part too many": lambda state: state["parts"].update(more={}),
    "no bias": lambda state: without(state, "parts", "model", "3.bias"),
    "another size": lambda state: state["parts"]["model"].update({"3.bias": torch.zeros(2)}),
    "no moments": lambda state: without(state, "parts", "optimizer", "state", 2, "exp_avg"),
    "another moment": other_moment,
    "no momentum": lambda state: without(state, "parts", "muon", "state", 0, "momentum_buffer"),
    "another optimizer's moments": lambda state: state["parts"].update(muon=state["parts"]["optimizer"]),
    "no betas": lambda state: without(state, "parts", "optimizer", "param_groups", 0, "betas"),
    "no epoch": lambda state: without(state, "parts", "schedule", "last_epoch"),
    "other rows": lambda state: state["parts"]["batches"].update(left=torch.tensor([8])),
    "another generator": lambda state: state["parts"]["batches"].update(generator='{"bit_generator": "MT19937"}'),
}


@pytest.mark.parametrize("kind", MISFITS)
def test_a_state_that_does_not_fit_is_dropped_and_nothing_of_it_is_used(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = Checkpoint(tmp_path, 1e9)
    with pytest.raises(KeyboardInterrupt):
        loop(checkpoint, 7, stop_at(11, lambda: signal.raise_signal(signal.SIGINT)))
    state = checkpoint.load()
    assert state is not None
    MISFITS[kind](state)
    checkpoint.save(state)
    seen: list[int] = []
    assert same(loop(checkpoint, 0, seen.append))
    assert seen == list(range(STEPS))
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert "is dropped" in line


def test_a_sound_state_is_not_dropped_for_lack_of_memory(tmp_path: Path) -> None:
    class Large:
        def state_dict(self) -> dict[str, Any]:
            return {}

        def load_state_dict(self, state: dict[str, Any]) -> None:
            if loading:
                raise torch.OutOfMemoryError("CUDA out of memory")

    loading = False
    checkpoint = Checkpoint(tmp_path, 10)
    loop(checkpoint, parts={"large": Large()})
    loading = True
    with pytest.raises(torch.OutOfMemoryError):
        loop(checkpoint, parts={"large": Large()})
    assert checkpoint.load() is not None
