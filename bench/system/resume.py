"""A loop of training steps that may be killed at any of them, and goes on from its last checkpoint as if nothing was.

Without a checkpoint it is a plain loop.
"""

from __future__ import annotations

import copy
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from types import FrameType, TracebackType
from typing import Any, Protocol, TypeAlias

import numpy as np
import torch
from torch import nn

from bench.system import ranks, streams
from bench.system.checkpoint import Checkpoint, State, is_of_the_machine

MISFIT = (AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What taking up a state raises where it is none of these parts."""
MOMENTS: Mapping[type[torch.optim.Optimizer], set[str]] = {
    torch.optim.Adam: {"step", "exp_avg", "exp_avg_sq"},
    torch.optim.Muon: {"momentum_buffer"},
}
"""What an optimizer of this kind keeps of each parameter."""
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stateful(Protocol):
    """A module, an optimizer, a schedule, or anything else that can be taken up from plain values and tensors."""

    def state_dict(self) -> dict[str, Any]:
        """What steps change, as it is now; the same names whenever it is asked."""

    def load_state_dict(self, state: dict[str, Any], /) -> object:
        """Become what a state says."""


Part: TypeAlias = Stateful | np.random.Generator


class Resumable:
    """The steps of a training with all that they change; used as a context.

    While the context lasts, the first SIGINT or SIGTERM waits until the step is done and saved, and the next does not.

    done: steps done so far.
    """

    def __init__(self, parts: Mapping[str, Part], device: torch.device, checkpoint: Checkpoint | None) -> None:
        """Hold what steps change: the parts, and torch's random state on the CPU and on the device.

        Args:
            parts: by name; what is missing here is not as it was after an interruption.
            device: whose random state counts.
            checkpoint: of this training alone, see `Checkpoint`; None keeps nothing.
        """
        self.parts, self.device, self.checkpoint = parts, device, checkpoint
        self.done = 0
        self._before, self._started = 0.0, time.perf_counter()
        self._handlers: dict[signal.Signals, Any] = {}
        self._asked: int | None = None

    @property
    def seconds(self) -> float:
        """What the steps took so far, those before an interruption included."""
        return self._before + time.perf_counter() - self._started

    def __enter__(self) -> Resumable:
        """Take up the newest checkpoint; `done` then says how many steps it holds.

        One that does not fit is dropped with a line on standard error, and nothing of it is taken up. All ranks begin
        as rank 0 does, which alone needs a checkpoint.
        """
        if self.checkpoint is not None:
            self._take_up(self.checkpoint)
            self._defer()
        if ranks.count() > 1:
            state = ranks.share(self._state() if ranks.rank() == 0 else None)
            if ranks.rank() > 0:
                self._load(state)
        self._started = time.perf_counter()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._no_longer_defer()
        if kind is None and self._asked is not None:
            signal.raise_signal(self._asked)

    def steps(self, total: int) -> Iterator[int]:
        """Numbers of the steps that are still to be done, up to `total` - 1.

        Between two of them the state is saved where that is due, and after the last.
        """
        for step in range(self.done, total):
            yield step
            self.done = step + 1
            if self.checkpoint is not None and (self.done == total or self._asked or self.checkpoint.due()):
                self.checkpoint.save(self._state())
                self._pass_on()

    def _state(self) -> State:
        cuda = torch.cuda.get_rng_state(self.device) if self.device.type == "cuda" else None
        parts = {name: _state_of(part) for name, part in self.parts.items()}
        random = {"cpu": torch.get_rng_state(), "cuda": cuda}
        return {"done": self.done, "seconds": self.seconds, "random": random, "parts": parts}

    def _take_up(self, checkpoint: Checkpoint) -> None:
        state = checkpoint.load()
        if state is None:
            return
        fresh = copy.deepcopy(self._state())
        try:
            self._load(state)
        except MISFIT as error:
            self._load(fresh)
            if is_of_the_machine(error):
                raise
            checkpoint.drop(error)

    def _load(self, state: State) -> None:
        if state["parts"].keys() != self.parts.keys():
            raise ValueError(f"it holds {sorted(state['parts'])} and not {sorted(self.parts)}")
        for name, part in self.parts.items():
            _load(part, state["parts"][name])
        torch.set_rng_state(state["random"]["cpu"])
        if self.device.type == "cuda":
            torch.cuda.set_rng_state(state["random"]["cuda"], self.device)
        self.done, self._before = int(state["done"]), float(state["seconds"])

    def _defer(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        for which in SIGNALS:
            handler = signal.getsignal(which)
            if handler not in (None, signal.SIG_IGN):  # None: not set from Python, so it could not be set again
                self._handlers[which] = handler
                signal.signal(which, self._ask)

    def _ask(self, signum: int, frame: FrameType | None) -> None:  # noqa: ARG002 - a signal handler's arguments
        again, self._asked = self._asked is not None, signum
        if again:
            self._pass_on()

    def _pass_on(self) -> None:
        """To whoever would have got the signal, if there was one."""
        asked, self._asked = self._asked, None
        if asked is not None:
            self._no_longer_defer()
            signal.raise_signal(asked)

    def _no_longer_defer(self) -> None:
        while self._handlers:
            signal.signal(*self._handlers.popitem())


def _state_of(part: Part) -> State:
    return {"generator": streams.state_of(part)} if isinstance(part, np.random.Generator) else part.state_dict()


def _load(part: Part, state: State) -> None:
    if isinstance(part, np.random.Generator):
        streams.set_state(part, state["generator"])
        return
    names = part.state_dict().keys()
    if not isinstance(part, nn.Module) and state.keys() != names:
        raise ValueError(f"it holds {sorted(state)} and not {sorted(names)} of a {type(part).__name__}")
    if isinstance(part, torch.optim.Optimizer):
        _check_optimizer(part, state)
    part.load_state_dict(state)


def _check_optimizer(optimizer: torch.optim.Optimizer, state: State) -> None:
    """What torch itself does not look at before it takes up a state."""
    moments = next((names for kind, names in MOMENTS.items() if isinstance(optimizer, kind)), None)
    for own, group in zip(optimizer.param_groups, state["param_groups"], strict=True):
        if own.keys() != group.keys():
            raise ValueError("the optimizer's settings are those of another version")
        for parameter, number in zip(own["params"], group["params"], strict=True):
            if number not in state["state"]:  # a parameter that no loss has reached
                continue
            kept = state["state"][number]
            if moments is not None and kept.keys() != moments:
                raise ValueError(f"the optimizer keeps {sorted(kept)} and not {sorted(moments)}")
            if any(value.shape not in ((), parameter.shape) for value in kept.values()):
                raise ValueError("the optimizer's moments are of other shapes than the weights")
