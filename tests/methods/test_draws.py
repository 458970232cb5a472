"""What cvq and gumbel draw: the distributions and gradients of torch's own draws, which take several times as long."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from bench.methods.cvq import ClusterQuantizer
from bench.methods.gumbel import GumbelQuantizer

DRAWS = 40_000


def test_cvq_draws_anchors_as_multinomial_does() -> None:
    torch.manual_seed(0)
    quantizer = ClusterQuantizer(DRAWS, 5, 0.25, "cos", "probrandom", contrastive=False)
    near = torch.tensor([0.5, -30.0, 1.0, 0.0, 2.0])
    drawn = quantizer._anchors(torch.eye(5), near[:, None].expand(5, DRAWS))
    torch.testing.assert_close(drawn.mean(0), near.softmax(0), rtol=0, atol=0.01)  # 4 standard deviations
    assert drawn[:, 1].sum() == 0


def test_gumbel_draws_codes_as_their_logits_say() -> None:
    torch.manual_seed(0)
    quantizer = GumbelQuantizer(4, 3, 0.0, steps=10).train()
    z = torch.randn(1, 3, 1, 1).expand(DRAWS, 3, 1, 1)
    shares = torch.bincount(quantizer(z).indices.flatten(), minlength=4) / DRAWS
    torch.testing.assert_close(shares, quantizer.logits(z[0, :, 0, 0]).softmax(0).detach(), rtol=0, atol=0.01)


def test_gumbel_is_straight_through_as_torchs_function_is(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    quantizer = GumbelQuantizer(6, 3, 0.0, steps=10).train()
    z = torch.randn(4, 3, 2, 2, requires_grad=True)
    uniform = torch.rand(16, 6)
    monkeypatch.setattr(torch, "rand_like", lambda _: uniform.clone())
    temperature = quantizer.temperature()
    found = quantizer(z)
    logits = quantizer.logits(z.permute(0, 2, 3, 1).reshape(16, 3))
    soft = ((logits - uniform.log().neg().log()) / temperature).softmax(1)
    hard = F.one_hot(soft.argmax(1), 6) - soft.detach() + soft
    expected = (hard @ quantizer.codebook).view(4, 2, 2, 3).permute(0, 3, 1, 2)
    torch.testing.assert_close(found.quantized, expected)
    assert torch.equal(found.indices.flatten(), soft.argmax(1))
    of = [z, quantizer.codebook, quantizer.logits.weight]
    weights = torch.randn_like(expected)
    for ours, theirs in zip(
        torch.autograd.grad((found.quantized * weights).sum(), of),
        torch.autograd.grad((expected * weights).sum(), of),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)
