"""Networks whose fit was killed and taken up end as if nothing had been, bit for bit, in every task that fits any."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from bench.contracts.codes import Codes
from bench.contracts.data import Split
from bench.contracts.task import Work
from bench.data.emoji_scenes import EmojiScenes
from bench.presets import Budget
from bench.registry import tasks
from bench.system.checkpoint import Checkpoint
from bench.tasks.parts.networks import head, segmenter
from bench.text.load import load_text_encoder

CPU = torch.device("cpu")
BUDGET = Budget(steps=8, batch_size=8, learning_rate=1e-2, width=32, layers=1)
CODES = 12
WITHOUT = ("reconstruction", "linear-probe", "detail", "text-preservation")
"""Tasks that fit no network."""
CASES = [*((name, {}) for name in tasks.names() if name not in WITHOUT), ("t2i", {"generator": "diffusion"})]
SEVERAL = {"semantic-synthesis": 2}
"""How many networks a task fits, if more than one."""


RANDOM = np.random.default_rng()


class Killed(Exception):
    """A fit is killed."""


class Fitted(Exception):
    """All networks of a task are fitted: scoring them is not the matter here."""


class Often(Checkpoint):
    """It is time at every third question."""

    asked = 0

    def due(self) -> bool:
        self.asked += 1
        return self.asked % 3 == 0

    def named(self, name: str) -> Checkpoint:
        return Often(super().named(name).folder, 0)


class After(NamedTuple):
    """What a fit leaves: the network's weights and buffers, and what will be drawn next."""

    weights: dict[str, Tensor]
    torch_state: Tensor
    numpy_state: list[object]


@pytest.fixture(scope="module")
def splits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Split]:
    load_text_encoder("tiny-clip", "cpu")  # loading it for the first time moves torch's random state
    made = EmojiScenes(size=32, limits={"train": 50, "validation": 4, "test": 4})
    cache = tmp_path_factory.mktemp("cache")
    return {name: replace(made.split(name, cache), cache=None) for name in made.splits}


@pytest.fixture(scope="module")
def codes(splits: dict[str, Split]) -> dict[str, Codes]:
    codebook = torch.randn(CODES, 6, generator=torch.Generator().manual_seed(0))
    rng = np.random.default_rng(0)
    return {
        name: Codes(rng.integers(0, CODES, (len(split), 4, 4)).astype(np.int32), codebook, True, lambda _: _)
        for name, split in splits.items()
    }


def run(name: str, arguments: dict[str, str], work: Work, kill: int | None = None) -> tuple[list[After], int]:
    """Fit the networks of a task; what each fit left, and how many steps there were. kill: in which of them."""
    after: list[After] = []
    numbers = itertools.count()
    step, fit = torch.optim.AdamW.step, head.fit

    def counted(optimizer: torch.optim.AdamW) -> object:
        if next(numbers) == kill:
            raise Killed
        return step(optimizer)

    def watched(
        model: nn.Module,
        loss: Callable[[], Tensor],
        budget: Budget,
        device: torch.device,
        draws: Sequence[object] = (),
        checkpoint: Checkpoint | None = None,
    ) -> None:
        assert (checkpoint is None) == (work.checkpoint is None)
        fit(model, loss, budget, device, draws, checkpoint)
        drawn = [getattr(part, "rng", part) for part in draws]
        numpy_state = [rng.bit_generator.state for rng in drawn if isinstance(rng, np.random.Generator)]
        weights = {key: value.clone() for key, value in model.state_dict().items()}
        after.append(After(weights, torch.get_rng_state(), numpy_state))
        if len(after) == SEVERAL.get(name, 1):
            raise Fitted

    task = tasks.get(name).load()(**arguments)
    torch.manual_seed(work.seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim.AdamW, "step", counted)
        patch.setattr(head, "fit", watched)
        patch.setattr(segmenter, "RECIPE", BUDGET)
        with pytest.raises(Fitted if kill is None else Killed):
            task.run(work)
    return after, next(numbers)


@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_every_task_goes_on_as_if_its_fit_had_not_been_killed(
    name: str, arguments: dict[str, str], splits: dict[str, Split], codes: dict[str, Codes], tmp_path: Path
) -> None:
    undisturbed, steps = run(name, arguments, Work(codes, splits, BUDGET, 3, CPU))
    work = Work(codes, splits, BUDGET, 3, CPU, Often(tmp_path, 0))
    first = int(RANDOM.integers(steps))
    second = int(RANDOM.integers(steps - first))  # steps of the process that goes on
    for kill in (first, second):
        run(name, arguments, work, kill)
    resumed, _ = run(name, arguments, work)
    for after, expected in zip(resumed, undisturbed, strict=True):
        assert after.weights.keys() == expected.weights.keys()
        differing = [key for key, value in after.weights.items() if not torch.equal(value, expected.weights[key])]
        assert not differing, (first, second)
        assert torch.equal(after.torch_state, expected.torch_state), (first, second)
        assert after.numpy_state == expected.numpy_state, (first, second)
