"""Sinkhorn's plan against closed forms, the conditions of its optimum, and scipy's assignments; OptVQ on top of it."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from bench.methods.optvq import TransportQuantizer
from bench.methods.parts.nearest import nearest_codes
from bench.methods.parts.sinkhorn import normalised_cost, transport_plan
from bench.methods.parts.vector_quantizer import to_rows


def cost(rows: int, codes: int, seed: int = 0) -> Tensor:
    return torch.rand(rows, codes, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_two_rows_and_two_codes_share_as_the_closed_form_says() -> None:
    found = transport_plan(torch.tensor([[0.0, 0.3], [0.3, 0.0]], dtype=torch.float64), 10.0, 5)
    crossed = 1 / (1 + math.exp(10 * 0.3))
    torch.testing.assert_close(found, torch.tensor([[1 - crossed, crossed], [crossed, 1 - crossed]]).double())


def test_rows_add_up_to_one_after_any_number_of_iterations_and_codes_to_the_same_in_the_end() -> None:
    for iterations in (1, 5, 500):
        found = transport_plan(cost(30, 6), 10.0, iterations)
        torch.testing.assert_close(found.sum(1), torch.ones(30).double(), rtol=1e-4, atol=0)
    torch.testing.assert_close(found.sum(0), torch.full((6,), 5.0).double(), rtol=1e-4, atol=0)


def test_the_plan_is_the_optimum_of_cost_less_entropy() -> None:
    """The optimum is the one plan with these sums whose logarithm is -sharpness cost plus a term a row and a code."""
    prices, found = cost(30, 6), transport_plan(cost(30, 6), 10.0, 500)
    rest = found.log() + 10.0 * prices
    rest = rest - rest.mean(0) - rest.mean(1, keepdim=True) + rest.mean()
    assert rest.abs().max() < 1e-9


def test_sharp_plans_are_the_assignments_that_cost_least() -> None:
    for seed in range(5):
        prices = cost(8, 8, seed)
        found = transport_plan(prices, 300.0, 3000)
        assert found.argmax(1).tolist() == linear_sum_assignment(prices.numpy())[1].tolist()


def test_costs_are_in_units_of_their_deviation_whatever_the_scale() -> None:
    found = normalised_cost(7 + 100 * cost(50, 20))
    assert found.min() == 0
    assert found.std().item() == pytest.approx(1, rel=1e-6)
    torch.testing.assert_close(normalised_cost(cost(50, 20)), found, rtol=1e-4, atol=0)


def quantizer(codes: int = 16) -> TransportQuantizer:
    torch.manual_seed(0)
    return TransportQuantizer(codes, 4, 0.25, 10.0, 5)


def far_features(seed: int = 0) -> Tensor:
    """All in one place, so that a nearest code takes nearly all of them."""
    return 6 + 0.1 * torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(seed))


def test_in_training_every_code_is_used_and_in_evaluation_the_nearest() -> None:
    made, z = quantizer(), far_features()
    shared = made.train()(z).indices
    nearest = made.eval()(z).indices
    assert nearest.unique().numel() < 5
    assert shared.unique().numel() > 3 * nearest.unique().numel()
    assert torch.equal(nearest.flatten(), nearest_codes(to_rows(z), made.codebook))


def test_a_step_moves_every_code_and_the_loss_is_the_released_one() -> None:
    made, z = quantizer().train(), far_features().requires_grad_()
    before = made.codebook.detach().clone()
    found = made(z)
    error = (made.codebook[found.indices].permute(0, 3, 1, 2) - z).square().mean()
    torch.testing.assert_close(found.loss, 1.25 * error)
    (through,) = torch.autograd.grad(found.quantized.sum(), z, retain_graph=True)
    assert torch.equal(through, torch.ones_like(z))
    found.loss.backward()
    torch.optim.SGD(made.parameters(), 0.1).step()
    assert ((made.codebook - before).norm(dim=1) > 0).all()
