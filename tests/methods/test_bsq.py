"""Binary spherical quantization against sums over all codes, the package vector-quantize-pytorch and closed forms."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from vector_quantize_pytorch import LFQ

from bench.contracts.codes import lookup
from bench.errors import UsageError
from bench.methods.bsq import Bsq, SphericalQuantizer, entropy_loss
from bench.methods.parts.vector_quantizer import to_rows
from bench.presets import PRESETS

LENGTH = 5


def on_sphere(count: int = 200, seed: int = 0) -> Tensor:
    return F.normalize(torch.randn(count, LENGTH, generator=torch.Generator().manual_seed(seed)).double(), dim=1)


def corners() -> Tensor:
    return torch.cartesian_prod(*[torch.tensor([-1.0, 1.0], dtype=torch.float64)] * LENGTH) / LENGTH**0.5


def entropy(shares: Tensor) -> Tensor:
    return -torch.special.xlogy(shares, shares).sum(-1)


@pytest.mark.parametrize("temperature", [0.05, 1.0])
def test_the_entropy_of_a_position_is_that_over_all_codes(temperature: float) -> None:
    points = on_sphere()
    shares = (2 * points @ corners().T / temperature).softmax(1)  # [N, 2^L]
    expected = temperature * entropy(shares).mean()
    torch.testing.assert_close(entropy_loss(points, 0.0, temperature), expected, rtol=1e-5, atol=1e-6)


def test_the_entropy_of_the_mean_code_is_a_sum_over_bits_and_an_upper_bound() -> None:
    points = on_sphere()
    used = entropy_loss(points, 0.0, 1.0) - entropy_loss(points, 1.0, 1.0)
    of_bits = torch.stack([(4 / LENGTH**0.5 * points).sigmoid(), (-4 / LENGTH**0.5 * points).sigmoid()], 2).mean(0)
    torch.testing.assert_close(used, entropy(of_bits).sum(), rtol=1e-5, atol=1e-6)
    assert used >= entropy((2 * points @ corners().T).softmax(1).mean(0))
    # where the bits are independent, as over all corners alike, the bound is the entropy itself
    even = entropy_loss(corners(), 0.0, 1.0) - entropy_loss(corners(), 1.0, 1.0)
    assert even.item() == pytest.approx(LENGTH * math.log(2))


def test_codes_indices_and_the_entropy_of_positions_are_the_packages() -> None:
    torch.manual_seed(0)
    ours, theirs = SphericalQuantizer(32, 8, 1.0, 0.0, 1.0), LFQ(dim=8, codebook_size=32, spherical=True)
    theirs.project_in.load_state_dict(ours.inward.state_dict())
    theirs.project_out.load_state_dict(ours.outward.state_dict())
    z = torch.randn(2, 8, 3, 4)
    found = ours(z)
    (quantized, indices, _), parts = theirs(z.flatten(2).mT, inv_temperature=1.0, return_loss_breakdown=True)
    torch.testing.assert_close(found.quantized.flatten(2).mT, quantized)
    assert torch.equal(found.indices.flatten(1), indices.long())
    torch.testing.assert_close(found.loss, parts.per_sample_entropy)
    torch.testing.assert_close(lookup(ours.codebook, found.indices).permute(0, 3, 1, 2), found.quantized)
    assert ours.codebook.unique(dim=0).shape == (32, 8)


def test_the_gradient_passes_the_sign_and_stays_on_the_sphere() -> None:
    """With projections that change nothing: (g - u (u.g)) / (|z| sqrt(L)), as the released code has it."""
    quantizer = SphericalQuantizer(2**LENGTH, LENGTH, 0.0, 1.0, 1.0)
    for layer in (quantizer.inward, quantizer.outward):
        layer.weight = nn.Parameter(torch.eye(LENGTH))
        nn.init.zeros_(layer.bias)
    z = torch.randn(1, LENGTH, 2, 3, requires_grad=True)
    rows, values = to_rows(z.detach()), to_rows(quantizer(z).quantized)
    torch.testing.assert_close(values, rows.sign() / LENGTH**0.5)
    weight = torch.randn(rows.shape)
    (gradient,) = torch.autograd.grad((values * weight).sum(), z)
    unit, length = F.normalize(rows, dim=1), rows.norm(dim=1, keepdim=True)
    expected = (weight - unit * (unit * weight).sum(1, True)) / (length * LENGTH**0.5)
    torch.testing.assert_close(to_rows(gradient), expected)


def test_the_loss_makes_positions_sure_and_uses_both_signs() -> None:
    torch.manual_seed(0)
    points = nn.Parameter(F.normalize(0.1 * torch.randn(512, LENGTH) + 1, dim=1))
    optimizer = torch.optim.Adam([points], 0.02)
    start = (F.normalize(points, dim=1) > 0).float().mean(0)
    for _ in range(300):
        optimizer.zero_grad()
        entropy_loss(F.normalize(points, dim=1), 1.0, 0.1).backward()
        optimizer.step()
    end = F.normalize(points.detach(), dim=1)
    assert start.min() > 0.99
    assert ((end > 0).float().mean(0) - 0.5).abs().max() < 0.25
    assert (end.abs() * LENGTH**0.5 - 1).abs().mean() < 0.2


def test_numbers_of_codes_that_are_no_power_of_two_are_refused() -> None:
    for codes in (1, 1000):
        with pytest.raises(UsageError, match="no power of two"):
            Bsq(codes=codes).build(PRESETS["smoke"], "emoji-scenes", None)
