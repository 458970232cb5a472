"""The language guidance's cheaper ways to compute a thing, against torch's plain ones."""

from __future__ import annotations

import importlib

import pytest
import torch
from helpers.small_text import SmallText
from torch import Tensor, nn

from bench.contracts.method import TextBatch
from bench.methods.lgvq import LgVq
from bench.methods.parts.language.attention import attend
from bench.methods.parts.language.dropout import dropout
from bench.methods.parts.language.losses import masked_text_loss, relationship_loss
from bench.methods.parts.language.modules import Head, TextDecoder
from bench.methods.parts.language.vocabulary import CHUNK, masked_word_loss
from bench.presets import PRESETS
from bench.system.files import ROOT


def gradients(value: Tensor, of: list[Tensor]) -> list[Tensor]:
    found = torch.autograd.grad(value.square().sum(), of, allow_unused=True)
    return [torch.zeros_like(part) if grad is None else grad for grad, part in zip(found, of, strict=True)]


@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize("ignore", [False, True])
def test_attention_is_that_of_torchs_module(narrow: bool, ignore: bool) -> None:
    torch.manual_seed(0)
    module = nn.MultiheadAttention(24, 1, batch_first=True)
    nn.init.normal_(module.in_proj_bias)
    nn.init.normal_(module.out_proj.bias)
    projection = torch.randn(6, 24, requires_grad=True) if narrow else None
    asking = torch.randn(3, 5, 24, requires_grad=True)
    context = torch.randn(3, 7, 6 if narrow else 24, requires_grad=True)
    ignored = torch.rand(3, 7) < 0.4 if ignore else None
    wide = context if projection is None else context @ projection
    expected = module(asking, wide, wide, key_padding_mask=ignored, need_weights=False)[0]
    found = attend(module, asking, context, ignored, projection)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    of = [asking, context, *module.parameters()]
    for ours, theirs in zip(gradients(found, of), gradients(expected, of), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3)


def test_text_decoder_is_torchs_and_gives_only_the_positions_asked_for() -> None:
    torch.manual_seed(0)
    decoder = TextDecoder(24, 0.1).eval()
    text, narrow, projection = torch.randn(3, 9, 24), torch.randn(3, 5, 6), torch.randn(6, 24)
    padding = torch.arange(9) > torch.tensor([[8], [5], [6]])
    expected = text
    for layer in decoder.layers:
        expected = layer(expected, narrow @ projection, tgt_key_padding_mask=padding)
    torch.testing.assert_close(decoder(text, narrow, padding, None, projection), expected, rtol=1e-4, atol=1e-4)
    at = torch.tensor([[0, 4], [5, 1], [2, 2]])
    some = decoder(text, narrow, padding, at, projection)
    torch.testing.assert_close(some, expected[torch.arange(3)[:, None], at], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("masked", [0, 1, 37])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_in_parts_is_the_loss_of_all_logits(masked: int, smoothing: float) -> None:
    torch.manual_seed(0)
    hidden, words = torch.randn(masked, 24, requires_grad=True), torch.randn(2 * CHUNK + 5, 24)
    bias, ids = torch.randn(len(words), requires_grad=True), torch.randint(len(words), (masked,))
    there = torch.ones(masked, dtype=torch.bool)
    expected = masked_text_loss(hidden @ words.T + bias, ids, there, smoothing)
    found = masked_word_loss(hidden, words, words.mean(0), bias, ids, smoothing)
    torch.testing.assert_close(found, expected)
    for ours, theirs in zip(gradients(found, [hidden, bias]), gradients(expected, [hidden, bias]), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-5)


def test_a_head_sees_only_the_codes_that_words_pick() -> None:
    torch.manual_seed(0)
    head, codes, visual = Head(6, 24), torch.randn(3, 16, 6, requires_grad=True), torch.randn(3, 16, 24)
    text, valid = torch.randn(3, 5, 24), torch.rand(3, 5) < 0.7
    losses = (
        relationship_loss(head(codes), visual, text, valid),
        relationship_loss(codes, visual, text, valid, head=head),
    )
    torch.testing.assert_close(*losses)
    torch.testing.assert_close(*(torch.autograd.grad(loss, codes)[0] for loss in losses))


@pytest.mark.parametrize("shape", [(7,), (3, 5, 11), (400, 401)])
def test_dropout_keeps_a_share_and_the_mean(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    x = torch.rand(shape) + 1
    dropped = dropout(x, 0.25, True)
    kept = dropped != 0
    torch.testing.assert_close(dropped[kept], x[kept] / 0.75)
    assert torch.equal(dropout(x, 0.25, False), x)
    assert torch.equal(dropout(x, 0.0, True), x)
    if x.numel() > 10_000:  # one standard deviation is 0.001
        assert kept.float().mean().item() == pytest.approx(0.75, abs=0.005)
        for column in range(4):  # the four numbers that are cut from one draw
            assert kept.flatten()[column::4].float().mean().item() == pytest.approx(0.75, abs=0.01)
    torch.manual_seed(0)
    assert torch.equal(torch.rand(shape) + 1, x)
    assert torch.equal(dropout(x, 0.25, True), dropped)


def test_the_released_recipe_of_the_benchmark_has_the_same_losses(monkeypatch: pytest.MonkeyPatch) -> None:
    """What benchmarks/released_recipe.py times against computes what is computed here, but for its small constants."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    benchmark = importlib.import_module("released_recipe")
    text, preset = SmallText(), PRESETS["smoke"]
    torch.manual_seed(0)
    tokenizer = LgVq().build(preset, "emoji-scenes", text).eval()
    quantized, ids = torch.randn(6, preset.width, preset.grid, preset.grid), text.batch(6).ids
    torch.manual_seed(1)
    ours = tokenizer.guidance(quantized, TextBatch(ids, *text.encode(ids)))
    torch.manual_seed(1)
    theirs = benchmark.text_losses(tokenizer, quantized, ids, text)
    assert ours.keys() == theirs.keys() == {"gsa", "mtp", "ras"}
    for name in ours:
        torch.testing.assert_close(ours[name], theirs[name], rtol=1e-4, atol=1e-6)
