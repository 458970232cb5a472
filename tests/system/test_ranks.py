from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import rank_work

from bench.errors import BenchError, DataError, UsageError
from bench.system import ranks
from bench.system.launch import launch


@pytest.fixture(scope="module")
def found() -> Iterator[dict[str, Any]]:
    """What two ranks found, by the name of what they did."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield launch(rank_work.all_checks, 2, "cpu")
    torch.set_num_threads(threads)


def test_one_process_is_the_only_rank_and_changes_nothing() -> None:
    value = torch.ones(3, requires_grad=True)
    array = np.arange(3)
    assert (ranks.count(), ranks.rank()) == (1, 0)
    assert ranks.joint(value) is value
    assert ranks.mean(value) is value
    assert ranks.own(value) is value
    assert ranks.own(array) is array
    assert launch(lambda rank: os.getpid() + rank, 1, "cpu") == os.getpid()
    assert ranks.differing({"a": value}) == []


def test_joint_has_all_slices_in_the_order_of_ranks_and_each_gets_the_gradient_of_all_losses(found: dict) -> None:
    values, gradients = found["joint"]
    assert values == [0, 1, 10, 11]
    assert gradients == [8 * value for value in values]  # of x^2, once and three times


def test_mean_is_over_ranks_and_each_gets_its_share_of_all_losses(found: dict) -> None:
    assert found["mean"] == ([5, 6], [2, 2, 2, 2])  # (1 + 3) / 2


def test_own_is_an_equal_slice_or_an_error(found: dict) -> None:
    assert found["own"] == ([0, 1, 2], [0, 1, 2, 3, 4, 5], "a batch of 7 cannot be shared equally by 2 devices")


def test_joint_keeps_every_type_and_forgets_strides(found: dict) -> None:
    images = torch.arange(48.0).view(1, 3, 4, 4)
    whole = torch.cat([images, images + 1])
    kinds = (torch.float32, torch.bfloat16, torch.float64, torch.float16)
    for gathered, kind in zip(found["types"], kinds, strict=False):
        assert gathered.dtype == kind
        assert torch.equal(gathered, whole.to(kind))
    assert [gathered.tolist() for gathered in found["types"][4:]] == [[0, 1], [True, False]]


def test_gradients_are_averaged_where_any_rank_has_one(found: dict) -> None:
    assert found["gradients"] == [[1.5, 3], [2, 3], None, [0.5]]


def test_tensors_are_copied_from_rank_0(found: dict) -> None:
    assert found["copied"] == [[1, 1, 1, 1], [0, 0], [1, 1], [5, 5]]


def test_values_are_shared_by_rank_0(found: dict) -> None:
    assert found["shared"] == [True, True]


def test_a_difference_between_ranks_is_told_from_rounding_and_from_a_single_choice(found: dict) -> None:
    assert found["differing"] == [[], ["apart"], ["steps"]]


def test_batch_normalisation_over_ranks_is_that_of_the_joint_batch(found: dict) -> None:
    alone = rank_work.of_layer(rank_work.batch_of_maps())
    assert len(found["normalised"]) == len(alone)
    for over_ranks, expected in zip(found["normalised"], alone, strict=True):
        torch.testing.assert_close(over_ranks, expected)


def test_a_library_takes_each_rank_for_the_only_process(found: dict) -> None:
    assert found["looks"] == (False, 2, 0, 1)


def test_what_a_rank_raises_is_raised_with_its_traceback() -> None:
    with pytest.raises(DataError) as caught:
        launch(partial(rank_work.fails, error=DataError), 2, "cpu")
    assert str(caught.value) == "the second rank was asked to fail"
    assert caught.value.__notes__[0].startswith("on rank 1 of 2:\nTraceback")
    assert "rank_work.py" in caught.value.__notes__[0]


def test_an_error_that_cannot_be_sent_is_told_by_its_type_and_text() -> None:
    with pytest.raises(RuntimeError, match="Foreign: 1 and 2"):
        launch(rank_work.fails_strangely, 2, "cpu")


def test_a_rank_that_dies_is_named_and_takes_the_others_along() -> None:
    with pytest.raises(BenchError, match=r"^rank 1 of 2 died of SIGKILL$"):
        launch(rank_work.dies, 2, "cpu")


def test_rank_0_may_leave_something_behind_when_the_parent_is_asked_to_stop(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGUSR1, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            launch(partial(rank_work.stops_its_parent, folder=str(tmp_path)), 2, "cpu")
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert (tmp_path / "left").read_text() == "behind"


def test_more_devices_than_gpus_are_refused() -> None:
    count = torch.cuda.device_count() + 2
    with pytest.raises(UsageError, match=f"{count} devices are asked for, and torch sees {count - 2} GPUs"):
        launch(rank_work.dies, count, "cuda")


def test_ranks_do_not_outlive_their_parent_and_leave_nothing(tmp_path: Path) -> None:
    call = f"from helpers import rank_work; rank_work.start_what_goes_on({str(tmp_path)!r})"
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "TMPDIR": str(scratch)}
    parent = subprocess.Popen([sys.executable, "-c", call], env=environment)
    files = [tmp_path / f"{rank}.pid" for rank in range(2)]
    try:
        assert _soon(lambda: all(file.exists() for file in files))
        children = [int(file.read_text()) for file in files]
        assert all(_lives(child) for child in children)
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    assert _soon(lambda: not any(_lives(child) for child in children))
    assert not list(scratch.iterdir())


def _soon(true: Callable[[], bool]) -> bool:
    """Whether it becomes true within a minute."""
    end = time.monotonic() + 60
    while not true() and time.monotonic() < end:
        time.sleep(0.05)
    return true()


def _lives(process: int) -> bool:
    """Whether there is such a process, and no mere entry of one that has ended."""
    status = subprocess.run(["ps", "-o", "stat=", "-p", str(process)], capture_output=True, text=True).stdout.strip()
    return status not in ("", "Z")
