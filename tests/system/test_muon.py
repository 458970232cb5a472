from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from bench.system.muon import Muon, orthogonalised

SHAPES = ((8, 8), (24, 8), (8, 24), (8, 8))


def parameters() -> list[nn.Parameter]:
    generator = torch.Generator().manual_seed(0)
    return [nn.Parameter(torch.randn(shape, generator=generator)) for shape in SHAPES]


def trained(kind: type[torch.optim.Muon]) -> list[Tensor]:
    """How far matrices are moved by five steps with gradients of very different sizes."""
    moved, optimizer = parameters(), None
    optimizer = kind(moved, 0.02, 0.1)
    generator = torch.Generator().manual_seed(1)
    for step in range(5):
        for number, parameter in enumerate(moved):
            parameter.grad = torch.randn(parameter.shape, generator=generator) * 10.0 ** (number - 2)
        if step == 2:
            moved[1].grad = None
        optimizer.step()
    return [parameter.detach() - start.detach() for parameter, start in zip(moved, parameters(), strict=True)]


def test_steps_are_those_of_torch_but_for_its_bf16() -> None:
    for ours, theirs in zip(trained(Muon), trained(torch.optim.Muon), strict=True):
        assert (ours - theirs).norm() < 0.03 * theirs.norm()


@pytest.mark.parametrize("shape", SHAPES)
def test_directions_keep_their_spaces_and_lose_their_sizes(shape: tuple[int, int]) -> None:
    matrices = torch.randn(3, *shape, generator=torch.Generator().manual_seed(2)) * 100
    left, _, right = torch.linalg.svd(matrices, full_matrices=False)
    sizes = left.mT @ orthogonalised(matrices) @ right.mT
    diagonal = sizes.diagonal(dim1=1, dim2=2)
    assert torch.allclose(sizes, torch.diag_embed(diagonal), atol=1e-3)
    assert diagonal.median() == pytest.approx(1, abs=0.25)
    assert orthogonalised(torch.zeros(1, *shape)).abs().max() == 0


def test_a_kernel_moves_as_the_matrix_that_it_is() -> None:
    gradient = torch.randn(8, 3 * 2 * 2, generator=torch.Generator().manual_seed(3))
    matrix, kernel = nn.Parameter(torch.zeros(8, 12)), nn.Parameter(torch.zeros(8, 3, 2, 2))
    matrix.grad, kernel.grad = gradient, gradient.view_as(kernel).contiguous(memory_format=torch.channels_last)
    Muon([matrix, kernel], 0.02, 0.1).step()
    assert kernel.abs().max() > 0
    assert torch.equal(kernel.flatten(1), matrix)
