"""Several devices at one training: each process is a rank, and holds an equal slice of every joint batch.

With one process all of this is the identity, so what uses it needs no second way of working. Gradients keep one rule:
the backward pass of `joint` and `mean` on each rank gives the gradient of the sum of all ranks' losses. Averaged over
the ranks (`average_gradients`) they are then those of the mean of the ranks' losses, which is the loss of the joint
batch where that is a mean over images, and also where every rank computes it from the joint batch.

All ranks draw the same random numbers. So whatever is computed from `joint` tensors comes out the same on all of them.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any, TypeVar

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from typing_extensions import override

from bench.errors import UsageError

Rows = TypeVar("Rows", Tensor, np.ndarray)

_GROUPS: list[dist.ProcessGroup] = []
"""The group of all ranks, once there are several."""

FEW, FAR = 0.05, 1e-3
"""A tensor differs between ranks where more than this share of its values does by more than this share of its size.

Sums on a GPU come out in any order, so the ranks' values differ by rounding, and now and then a code by a choice.
"""


def join(rank: int, ranks: int, device_type: str, meeting: str) -> None:
    """Make this process one of several ranks, once all others do the same.

    The group is no default group of torch's, so that libraries take this process for the only one: some of their
    quantizers would add up the statistics of all ranks a second time.

    Args:
        rank: 0 to `ranks` - 1. device_type: "cuda" for one GPU a rank, else "cpu".
        meeting: path of a file that does not exist yet, the same for all ranks, in a folder that does.
    """
    backend = "cpu:gloo,cuda:nccl" if device_type == "cuda" else "gloo"
    store = dist.FileStore(meeting, ranks)  # type: ignore[attr-defined]  # torch's stub lacks it
    dist.init_process_group(backend, store=store, rank=rank, world_size=ranks)
    group = dist.GroupMember.WORLD
    assert group is not None
    dist.GroupMember.WORLD = None
    _GROUPS.append(group)


def leave() -> None:
    """Be a process of its own again, once the work with the others is done."""
    dist.GroupMember.WORLD = _GROUPS.pop()
    dist.destroy_process_group()


def count() -> int:
    """How many ranks there are."""
    return _GROUPS[0].size() if _GROUPS else 1


def rank() -> int:
    """Which of them this process is, from 0 on."""
    return _GROUPS[0].rank() if _GROUPS else 0


def joint(part: Tensor) -> Tensor:
    """All ranks' slices [b, ...], in the order of the ranks, as one tensor [count * b, ...]; differentiable."""
    return _Joint.apply(part) if _GROUPS else part


def own(whole: Rows) -> Rows:
    """The slice [b, ...] that this rank holds of a joint tensor or array [count * b, ...].

    Raises:
        UsageError: it cannot be cut into equal slices.
    """
    if not _GROUPS:
        return whole
    size, rest = divmod(len(whole), count())
    if rest:
        raise UsageError(f"a batch of {len(whole)} cannot be shared equally by {count()} devices")
    return whole[rank() * size : (rank() + 1) * size]


def mean(value: Tensor) -> Tensor:
    """Mean over the ranks of a float tensor that has the same shape on all of them; differentiable."""
    return _Mean.apply(value) if _GROUPS else value


@torch.no_grad()
def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """After a backward pass: make all gradients their means over the ranks, the same bits on each of them.

    Not by `DistributedDataParallel`: it averages while the backward pass runs, among that pass's own exchanges, and has
    to be told which weights a step leaves out. One exchange behind the backward pass needs no order to be kept. A
    gradient that other ranks have and this one has not counts as zeros; one that no rank has stays None.
    """
    if not _GROUPS:
        return
    weights = list(parameters)
    used = torch.tensor([weight.grad is not None for weight in weights], dtype=torch.uint8)  # no GPU has to wait
    dist.all_reduce(used, dist.ReduceOp.MAX, _GROUPS[0])
    gradients = []
    for weight, somewhere in zip(weights, used.tolist(), strict=True):
        if somewhere:
            weight.grad = torch.zeros_like(weight) if weight.grad is None else weight.grad
            gradients.append(weight.grad)
    for alike, flat in _flattened(gradients):
        dist.all_reduce(flat, group=_GROUPS[0])
        _fill(alike, flat.div_(count()))


@torch.no_grad()
def copy_first(tensors: Iterable[Tensor]) -> None:
    """Make tensors, of the same shapes on all ranks, what they are on rank 0."""
    if not _GROUPS:
        return
    for alike, flat in _flattened(tensors):
        dist.broadcast(flat, group=_GROUPS[0], group_src=0)
        _fill(alike, flat)


def share(value: Any) -> Any:
    """On all ranks what rank 0 gives: plain values and tensors, these on the CPU where they come from elsewhere."""
    if not _GROUPS:
        return value
    buffer = io.BytesIO()
    if rank() == 0:
        torch.save(value, buffer)
    size = torch.tensor([buffer.tell()])
    dist.broadcast(size, group=_GROUPS[0], group_src=0)
    data = torch.zeros(int(size), dtype=torch.uint8)
    if rank() == 0:
        data.numpy()[:] = np.frombuffer(buffer.getbuffer(), np.uint8)
    dist.broadcast(data, group=_GROUPS[0], group_src=0)
    if rank() == 0:
        return value
    return torch.load(io.BytesIO(data.numpy().tobytes()), map_location="cpu", weights_only=True)


@torch.no_grad()
def differing(tensors: Mapping[str, Tensor]) -> list[str]:
    """Names of tensors whose values on some rank are not those on rank 0, but for rounding; the same on all ranks."""
    if not _GROUPS:
        return []
    first = {name: tensor.clone() for name, tensor in tensors.items()}
    copy_first(first.values())
    shares = [_share(tensor, first[name]) for name, tensor in tensors.items()]
    largest = torch.tensor(shares, dtype=torch.float64)
    dist.all_reduce(largest, dist.ReduceOp.MAX, _GROUPS[0])
    return [name for name, share in zip(tensors, largest.tolist(), strict=True) if share > FEW]


def _share(values: Tensor, wanted: Tensor) -> float:
    """Share of the values that are not as wanted."""
    values, wanted = values.double(), wanted.double()
    far = (values - wanted).abs() > FAR * wanted.square().mean().sqrt()
    return far.double().mean().item() if values.numel() else 0.0


def _flattened(tensors: Iterable[Tensor]) -> Iterator[tuple[list[Tensor], Tensor]]:
    """Tensors of one type and device at a time, and a copy of them, one behind the other."""

    def kind(tensor: Tensor) -> str:
        return f"{tensor.dtype} {tensor.device}"

    for _, group in groupby(sorted(tensors, key=kind), kind):
        alike = list(group)
        yield alike, torch.cat([tensor.detach().reshape(-1) for tensor in alike])


def _fill(tensors: list[Tensor], flat: Tensor) -> None:
    """Write back what `_flattened` gave."""
    for tensor, part in zip(tensors, flat.split([tensor.numel() for tensor in tensors]), strict=True):
        tensor.copy_(part.view(tensor.shape))


class _Joint(torch.autograd.Function):
    @override
    @staticmethod
    def forward(context: Any, part: Tensor) -> Tensor:
        # as bytes, since not every backend knows every type; `contiguous` last, or a single row may keep odd strides
        sent = part.detach().contiguous().view(-1).view(torch.uint8)
        received = [torch.empty_like(sent) for _ in range(count())]
        dist.all_gather(received, sent, group=_GROUPS[0])
        return torch.cat([slice_.view(part.dtype).view(part.shape) for slice_ in received])

    @override
    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        # every rank's loss may depend on this rank's slice
        return own(_sum(gradient)).to(gradient.dtype)


class _Mean(torch.autograd.Function):
    @override
    @staticmethod
    def forward(context: Any, value: Tensor) -> Tensor:
        return _averaged(value)

    @override
    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        return _averaged(gradient)  # the sum over all ranks' losses, of which each holds 1 / count of this value


def _averaged(value: Tensor) -> Tensor:
    return _sum(value).div_(count()).to(value.dtype)


def _sum(value: Tensor) -> Tensor:
    """Sum over the ranks, at least in float32."""
    kind = torch.promote_types(value.dtype, torch.float32)
    total = value.detach().to(kind, copy=True, memory_format=torch.contiguous_format)
    dist.all_reduce(total, group=_GROUPS[0])
    return total
