"""One training on several devices is the training that one device does with the joint batch."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest
import torch
from helpers.rank_training import HALF, Case, Trained, other_checks, train_all

from bench.registry import methods
from bench.system.launch import launch

FAR = 1e-8
"""Relative difference in float64 that rounding does not make in a few steps; it makes up to 1e-10."""
GUIDED = ("lgvq", "lgvq-gsa", "lgvq-mtp", "lgvq-ras", "lgvq-vae", "lgvq-cvq")
"""Of the 21 methods that language guides: each loss by itself, and all three on each base."""
NAMES = [
    name
    for name in methods.names()
    if methods.get(name).load()().missing() is None and (name in GUIDED or not name.startswith("lgvq"))
]
STARTS = [
    (name, {"init": init, "revive": "features"})
    for name in ("vqgan", "ibq", "vq-ema", "vq-l2norm", "rvq")
    for init in ("features", "kmeans")
]
CASES: list[Case] = [
    *((name, {}) for name in NAMES),
    *STARTS,
    ("cvq", {"anchor": "closest", "init": "kmeans"}),
    ("cvq", {"anchor": "random"}),
    ("lgvq", {"variant": "paper"}),
]
"""All that trains differently; every way in which codes come from features; both variants of language guidance."""
IN_HALF: list[Case] = [("vqgan", {}), ("lgvq", {}), ("vq-ema", {})]
Others = tuple[list[Trained], list[str], Trained, Trained]


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Networks this small lose time to a second thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def alone() -> list[Trained]:
    return train_all(0, CASES)


@pytest.fixture(scope="module")
def together() -> list[Trained]:
    return launch(partial(train_all, cases=CASES), 2, "cpu")


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Others:
    folder = str(tmp_path_factory.mktemp("checkpoint"))
    return launch(partial(other_checks, folder=folder, half=IN_HALF), 2, "cpu")


@pytest.mark.parametrize("number", range(len(CASES)), ids=[f"{name} {arguments or ''}" for name, arguments in CASES])
def test_two_ranks_train_as_one_process_does(number: int, alone: list[Trained], together: list[Trained]) -> None:
    one, two = alone[number], together[number]
    assert one.losses.keys() == two.losses.keys()
    for name, losses in one.losses.items():
        assert two.losses[name] == pytest.approx(losses, rel=FAR, abs=FAR), name
    assert one.state.keys() == two.state.keys()
    for name, value in one.state.items():
        torch.testing.assert_close(two.state[name], value, rtol=FAR, atol=FAR, msg=lambda m, n=name: f"{n}: {m}")


def test_autocast_changes_nothing_but_rounding(others: Others) -> None:
    for one, two in zip(train_all(0, IN_HALF, False, HALF), others[0], strict=True):
        for name, losses in one.losses.items():
            assert two.losses[name] == pytest.approx(losses, rel=2e-2), name


def test_what_a_method_keeps_of_its_slice_alone_is_found(others: Others) -> None:
    assert others[1][0].startswith("ContractError: codebook is not the same on all devices after a step")


def test_a_batch_that_cannot_be_shared_equally_is_refused(others: Others) -> None:
    assert others[1][1] == "UsageError: a batch of 5 cannot be shared equally by 2 devices"


def test_ranks_take_up_the_first_ones_checkpoint(others: Others) -> None:
    whole, resumed = others[2:]
    assert resumed.losses == whole.losses
    assert all(torch.equal(resumed.state[name], value) for name, value in whole.state.items())
