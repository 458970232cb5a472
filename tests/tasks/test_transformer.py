from __future__ import annotations

import pytest
import torch

from bench.tasks.parts.networks.attention import Attention, Look
from bench.tasks.parts.networks.grids import Even
from bench.tasks.parts.networks.transformer import Transformer


def make(width: int = 64, layers: int = 2, length: int = 12, cross: bool = False) -> Transformer:
    torch.manual_seed(0)
    return Transformer(width, layers, length, cross).eval()


def test_a_causal_position_sees_nothing_after_it() -> None:
    model = make()
    x = torch.randn(3, 8, 64, requires_grad=True)
    hidden = model(x, causal=True)
    for position in range(8):
        (gradient,) = torch.autograd.grad(hidden[:, position].square().sum(), x, retain_graph=True)
        reach = gradient.abs().sum((0, 2))
        assert (reach[: position + 1] > 0).all()
        assert (reach[position + 1 :] == 0).all()


def test_without_causal_every_position_sees_all() -> None:
    model = make()
    x = torch.randn(1, 5, 64, requires_grad=True)
    (gradient,) = torch.autograd.grad(model(x)[0, 0, 0], x)
    assert (gradient.abs().sum((0, 2)) > 0).all()


@pytest.mark.parametrize("causal", [False, True])
def test_padding_changes_nothing_at_real_positions(causal: bool) -> None:
    model = make()
    x = torch.randn(2, 7, 64)
    real = torch.tensor([[True] * 7, [True] * 4 + [False] * 3])
    alone = model(x[1:, :4], causal=causal)
    padded = model(x, real, causal=causal)
    assert torch.allclose(padded[1:, :4], alone, atol=1e-5)
    other = x.clone()
    other[1, 4:] = 100.0
    assert torch.equal(model(other, real, causal=causal)[1, :4], padded[1, :4])


def test_sequences_of_one_context_read_that_context_alone() -> None:
    model = make(cross=True)
    x, context = torch.randn(6, 5, 64), torch.randn(2, 9, 64)
    together = model(x, context=context)
    for sequence in range(6):
        own = model(x[sequence : sequence + 1], context=context[sequence // 3 : sequence // 3 + 1])
        assert torch.allclose(together[sequence : sequence + 1], own, atol=1e-5)


def test_attention_is_that_of_torch() -> None:
    torch.manual_seed(0)
    ours = Attention(64)
    theirs = torch.nn.MultiheadAttention(64, ours.heads, batch_first=True)
    theirs.in_proj_weight.data = torch.cat([ours.query.weight, ours.key_value.weight])
    theirs.in_proj_bias.data = torch.cat([ours.query.bias, ours.key_value.bias])
    theirs.out_proj.load_state_dict(ours.out.state_dict())
    x, context = torch.randn(2, 5, 64), torch.randn(2, 7, 64)
    found = ours(x.flatten(0, 1), context.flatten(0, 1), Look(Even(2), Even(2)))
    assert torch.allclose(found.view(x.shape), theirs(x, context, context)[0], atol=1e-5)
    of_itself = ours(*[x.flatten(0, 1)] * 2, Look(Even(2), Even(2)))
    assert torch.allclose(of_itself.view(x.shape), theirs(x, x, x)[0], atol=1e-5)


def test_autocast_and_full_precision_agree() -> None:
    model = make(cross=True)
    x, context = torch.randn(2, 5, 64), torch.randn(2, 9, 64)
    with torch.autocast("cpu", torch.bfloat16):
        low = model(x, context=context)
    assert torch.allclose(low.float(), model(x, context=context), atol=0.1)


@pytest.mark.parametrize("layers", [0, 1, 2])
def test_positions_that_are_asked_for_alone_are_as_among_all(layers: int) -> None:
    model = make(layers=layers, cross=True)
    x, context, owner = torch.randn(5, 6, 64), torch.randn(3, 9, 64), torch.tensor([0, 0, 2, 2, 2])
    real = torch.tensor([6, 2, 1, 4, 3])[:, None] > torch.arange(6)
    asked = real & (torch.arange(6) % 2 == 0)
    found = model.packed(x, real, asked, context, owner=owner)
    for sequence, row in enumerate(owner):
        count = int(real[sequence].sum())
        alone = model(x[sequence : sequence + 1, :count], context=context[row : row + 1])[0]
        mine = torch.arange(5).repeat_interleave(asked.sum(1)) == sequence
        assert torch.allclose(found[mine], alone[asked[sequence, :count]], atol=1e-5)


def test_nothing_may_be_asked_for() -> None:
    real = torch.ones(2, 3, dtype=torch.bool)
    assert make().packed(torch.randn(2, 3, 64), real, ~real).shape == (0, 64)
