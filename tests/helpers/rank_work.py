"""What ranks do in tests: a process of its own imports it from here."""

from __future__ import annotations

import os
import signal
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn

from bench.errors import UsageError
from bench.system import ranks
from bench.system.batch_norm import normalise_jointly
from bench.system.files import write_atomic
from bench.system.launch import launch


def slice_of(rank: int) -> Tensor:
    """[2, 1], where rank 0 has 0, 1 and rank 1 has 10, 11."""
    return torch.tensor([[0.0], [1.0]]).add(10 * rank).requires_grad_()


def joint(rank: int) -> tuple[list[float], list[float]]:
    """All slices, and all gradients of losses that weigh rank 1 three times as much as rank 0."""
    part = slice_of(rank)
    whole = ranks.joint(part)
    (whole.square().sum() * (1, 3)[rank]).backward()
    assert part.grad is not None
    return whole.flatten().tolist(), ranks.joint(part.grad).flatten().tolist()


def mean(rank: int) -> tuple[list[float], list[float]]:
    part = slice_of(rank)
    value = ranks.mean(part)
    (value.sum() * (1, 3)[rank]).backward()
    assert part.grad is not None
    return value.flatten().tolist(), ranks.joint(part.grad).flatten().tolist()


def own(rank: int) -> tuple[list[int], list[int], str]:
    """A slice of an array, all slices of a tensor, and what is said of rows that cannot be shared."""
    whole = np.arange(6)
    try:
        ranks.own(torch.arange(7))
    except UsageError as error:
        return ranks.own(whole).tolist(), ranks.joint(ranks.own(torch.from_numpy(whole))).tolist(), str(error)
    raise AssertionError("seven rows were shared")


def types(rank: int) -> list[Tensor]:
    """Slices of many types and forms, gathered."""
    images = torch.arange(48.0).view(1, 3, 4, 4).add(rank).contiguous(memory_format=torch.channels_last)
    return [ranks.joint(part) for part in (
        images, images.bfloat16(), images.double(), images.half(), torch.tensor([rank]), torch.tensor([rank == 0])
    )]  # fmt: skip


def gradients(rank: int) -> list[list[float] | None]:
    """Of a weight that both use, one that rank 1 uses, one that nobody uses, one in half precision."""
    weights = [nn.Parameter(torch.ones(2)) for _ in range(3)] + [nn.Parameter(torch.ones(1, dtype=torch.bfloat16))]
    weights[0].grad = torch.tensor([1.0, 2.0]) * (rank + 1)
    weights[1].grad = torch.tensor([4.0, 6.0]) if rank == 1 else None
    weights[3].grad = torch.tensor([rank], dtype=torch.bfloat16)
    ranks.average_gradients(weights)
    return [None if weight.grad is None else weight.grad.tolist() for weight in weights]


def copied(rank: int) -> list[list[float]]:
    """What rank 1 has after it has copied rank 0."""
    tensors = [torch.full((2,), 1.0 + rank), torch.tensor([rank]), torch.tensor([rank == 0]), torch.tensor(5.0 + rank)]
    ranks.copy_first(tensors)
    return [ranks.joint(tensor.view(-1).float()).tolist() for tensor in tensors]


def shared(rank: int) -> list[bool]:
    """Whether each rank has what rank 0 gives."""
    mine = {"number": 2**100, "none": None, "nested": [(1.5, "a")]}
    tensor = torch.arange(3)
    found = ranks.share((mine, tensor) if rank == 0 else "nothing")
    return ranks.joint(torch.tensor([found[0] == mine and torch.equal(found[1], tensor)])).tolist()


def differing(rank: int) -> list[list[str]]:
    noise = torch.zeros(100)
    noise[rank] = 1e-6
    one = torch.ones(100)
    one[7] += rank
    return [
        ranks.differing({"noise": torch.ones(100) + noise, "one of many": one, "steps": torch.tensor(3)}),
        ranks.differing({"same": torch.ones(3), "apart": torch.ones(100) * (1 + 0.01 * rank)}),
        ranks.differing({"steps": torch.tensor(3 + rank), "empty": torch.zeros(0)}),
    ]


def normalised(rank: int) -> list[Tensor]:
    """Values, gradients and running statistics of a layer that sees the slice of a joint batch."""
    return of_layer(ranks.own(batch_of_maps()))


def batch_of_maps() -> Tensor:
    return torch.randn(6, 3, 4, 5, generator=torch.Generator().manual_seed(0)) * 3 + 7


def of_layer(images: Tensor) -> list[Tensor]:
    layer = nn.BatchNorm2d(3)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([1.0, 2.0, -1.0]))
        layer.bias.fill_(0.5)
    network = nn.Sequential(layer)
    if ranks.count() > 1:
        normalise_jointly(network)
    images.requires_grad_()
    values = network(images)
    values.sin().square().mean().backward()
    ranks.average_gradients(network.parameters())
    assert images.grad is not None
    # a rank's loss is the mean over its slice, the joint one the mean over all: 1 / count of it
    parts = [ranks.joint(values.detach()), ranks.joint(images.grad) / ranks.count()]
    parts += [layer.weight.grad, layer.bias.grad, layer.running_mean, layer.running_var, layer.num_batches_tracked]
    layer.eval()
    return [*parts, layer(batch_of_maps()).detach()]


def looks(rank: int) -> tuple[bool, int, int, int]:
    """What a library sees, and what a rank is."""
    return dist.is_initialized(), ranks.count(), ranks.rank(), torch.get_num_threads()


def fails(rank: int, error: type[Exception]) -> None:
    if rank == 1:
        raise error("the second rank was asked to fail")
    ranks.mean(torch.ones(1))


class Foreign(Exception):
    """An error that cannot be made from its text."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} and {two}")


def fails_strangely(rank: int) -> None:
    if rank == 0:
        raise Foreign(1, 2)
    ranks.mean(torch.ones(1))


def dies(rank: int) -> None:
    if rank == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    ranks.mean(torch.ones(1))


def goes_on(rank: int, folder: str) -> None:
    write_atomic(Path(folder) / f"{rank}.pid", str(os.getpid()).encode())
    while True:
        ranks.mean(torch.ones(1))
        time.sleep(0.01)


def stops_its_parent(rank: int, folder: str) -> None:
    """Rank 0 writes a file when it is asked to end; then rank 1 interrupts the process that launched both."""
    if rank == 0:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit((Path(folder) / "left").write_text("behind")))
    ranks.mean(torch.ones(1))
    if rank == 1:
        os.kill(os.getppid(), signal.SIGUSR1)
    while True:
        time.sleep(0.01)


def start_what_goes_on(folder: str) -> None:
    launch(partial(goes_on, folder=folder), 2, "cpu")


def all_checks(rank: int) -> dict[str, object]:
    """Everything that needs two ranks and no process for itself."""
    work = (joint, mean, own, types, gradients, copied, shared, differing, normalised, looks)
    return {function.__name__: function(rank) for function in work}
