from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor, nn

from bench.methods.parts.adversarial import AdversarialObjective, adaptive_weight, hinge_loss
from bench.presets import PRESETS

PRESET = dataclasses.replace(PRESETS["smoke"], discriminator_start=10)


def objective() -> AdversarialObjective:
    torch.manual_seed(0)
    return AdversarialObjective(PRESET, "none")


def players() -> tuple[Tensor, nn.Conv2d, Tensor]:
    """Images, a one-layer generator, and its reconstruction."""
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(4, 3, 32, 32, generator=generator) * 2 - 1
    torch.manual_seed(1)
    last = nn.Conv2d(3, 3, 3, padding=1)
    return images, last, last(images)


def test_nobody_plays_before_the_start() -> None:
    images, last, reconstruction = players()
    losses = objective()(images, reconstruction, last.weight, 9)
    assert list(losses) == ["l1"]
    torch.testing.assert_close(losses["l1"], (images - reconstruction).abs().mean())


def test_each_player_gets_the_gradient_of_its_own_game() -> None:
    images, last, reconstruction = players()
    judge = objective()
    losses = judge(images, reconstruction, last.weight, 10)
    weights = list(judge.discriminator.parameters())
    to_judge = torch.autograd.grad(losses["generator"], weights, allow_unused=True, retain_graph=True)
    assert to_judge == (None,) * len(weights)
    to_maker = torch.autograd.grad(losses["discriminator"], last.weight, allow_unused=True, retain_graph=True)
    assert to_maker == (None,)
    assert torch.autograd.grad(losses["generator"], last.weight, retain_graph=True)[0].abs().max() > 0
    for gradient in torch.autograd.grad(losses["discriminator"], weights):
        assert gradient.isfinite().all()
        assert gradient.abs().max() > 0


def test_adaptive_weight_balances_the_gradients() -> None:
    images, last, reconstruction = players()
    losses = objective()(images, reconstruction, last.weight, 10)
    norms = [
        torch.autograd.grad(losses[name], last.weight, retain_graph=True)[0].norm() for name in ("l1", "generator")
    ]
    torch.testing.assert_close(norms[1], 0.2 * norms[0], rtol=1e-2, atol=0)
    assert not losses["_adaptive_weight"].requires_grad


@pytest.mark.parametrize(("scale", "expected"), [(1.0, 1.0), (0.0, 1e4), (0.5, 2.0)])
def test_adaptive_weight_known_answers(scale: float, expected: float) -> None:
    weight = torch.ones(100, requires_grad=True)
    found = adaptive_weight(weight.sum() * 10, weight.sum() * 10 * scale, weight)
    assert found.item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("real", "fake", "expected"), [(2.0, -2.0, 0.0), (0.0, 0.0, 1.0), (-1.0, 1.0, 2.0)])
def test_hinge_loss_known_answers(real: float, fake: float, expected: float) -> None:
    assert hinge_loss(torch.full((5,), real), torch.full((5,), fake)).item() == expected
