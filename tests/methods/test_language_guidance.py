from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from helpers.small_text import SmallText
from torch import Tensor

from bench.contracts.method import Batch
from bench.errors import UsageError
from bench.methods.lgvq import LgVq
from bench.methods.parts.language.guided import LanguageGuided
from bench.methods.parts.language.losses import (
    RATIO_HIGH,
    RATIO_LOW,
    draw_mask,
    global_alignment_loss,
    masked_text_loss,
    relationship_loss,
)
from bench.methods.parts.language.modules import CodeTransformer, TextDecoder
from bench.methods.parts.language.variants import VARIANTS
from bench.presets import PRESETS
from bench.text.words import word_positions

SMOKE = PRESETS["smoke"]
TEXT = SmallText()
TEXT_LOSSES = ("gsa", "mtp", "ras")


def test_modules_start_as_released() -> None:
    """Standard deviations of CLIP's own start (width 256, two layers); attention biases of the decoder are uniform."""
    torch.manual_seed(0)
    block = CodeTransformer(16, 256, 512).blocks[0]
    assert isinstance(block, torch.nn.TransformerEncoderLayer)
    weights = (
        block.self_attn.in_proj_weight,
        block.self_attn.out_proj.weight,
        block.linear1.weight,
        block.linear2.weight,
    )
    assert [weight.std().item() for weight in weights] == pytest.approx([0.0625, 0.03125, 0.0442, 0.03125], rel=0.02)
    attention = next(part for part in TextDecoder(256, 0.0).modules() if isinstance(part, torch.nn.MultiheadAttention))
    assert attention.in_proj_bias.abs().max().item() == pytest.approx(1 / 16, rel=0.02)


def test_global_alignment_known_answers() -> None:
    basis = torch.eye(8)
    assert global_alignment_loss(basis, 7 * basis).item() == pytest.approx(math.log(math.e + 7) - 1)  # 1.274
    assert global_alignment_loss(torch.ones(8, 4), torch.ones(8, 4)).item() == pytest.approx(math.log(8))
    cold = global_alignment_loss(basis, basis, temperature=0.01)
    assert cold.item() == pytest.approx(0, abs=1e-6)
    both = [global_alignment_loss(basis, basis, reduction=reduction).item() for reduction in ("mean", "sum")]
    assert both[1] == pytest.approx(8 * both[0])


def test_global_alignment_asks_image_to_find_text() -> None:
    image, text = torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    rows = -torch.log_softmax(torch.tensor([[1.0, 0.0], [1.0, 0.0]]), dim=1).diagonal()
    assert global_alignment_loss(image, text).item() == pytest.approx(rows.mean().item())


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_masked_text_known_answers(smoothing: float) -> None:
    ids, predict = torch.tensor([[1, 5, 6, 2]]), torch.tensor([[False, True, False, False]])
    assert masked_text_loss(torch.zeros(1, 4, 50), ids, predict, smoothing).item() == pytest.approx(math.log(50))
    logits = torch.randn(1, 4, 50, generator=torch.Generator().manual_seed(0))
    log = logits.log_softmax(-1)[0, 1]
    expected = -(1 - smoothing) * log[5] - smoothing * log.mean()
    assert masked_text_loss(logits, ids, predict, smoothing).item() == pytest.approx(expected.item())
    assert masked_text_loss(logits, ids, torch.zeros_like(predict), smoothing).item() == 0


def naive_relationship(codes: Tensor, visual: Tensor, text: Tensor, valid: Tensor, sign: bool) -> Tensor:
    """Word by word."""
    total = torch.zeros(())
    for b in range(len(codes)):
        picked, words = [], []
        for i in range(text.shape[1]):
            cosines = torch.stack([F.cosine_similarity(text[b, i], token, dim=0) for token in visual[b]])
            best = int(cosines.argmax())
            code = F.normalize(codes[b, best] * (cosines[best] if sign else 1), dim=0)
            picked.append(code * valid[b, i])
            words.append(F.normalize(text[b, i], dim=0) * valid[b, i])
        for i, first in enumerate(picked):
            for j, second in enumerate(picked):
                total = total + (first @ second - words[i] @ words[j]) ** 2
    return total


@pytest.mark.parametrize("sign", [True, False])
def test_relationship_is_the_word_by_word_loss(sign: bool) -> None:
    generator = torch.Generator().manual_seed(1)
    codes, visual = torch.randn(3, 9, 5, generator=generator), torch.randn(3, 9, 4, generator=generator)
    text, valid = torch.randn(3, 6, 4, generator=generator), torch.rand(3, 6, generator=generator) < 0.7
    visual[0, :, 0], text[0, :, 0] = 3, -3  # nothing is alike: negative best similarities
    expected = naive_relationship(codes, visual, text, valid, sign)
    summed = relationship_loss(codes, visual, text, valid, "sum", sign)
    torch.testing.assert_close(summed, expected / 3)
    torch.testing.assert_close(relationship_loss(codes, visual, text, valid, "mean", sign), summed / 36)


def test_relationship_is_zero_where_codes_are_the_words() -> None:
    text = torch.randn(2, 5, 8, generator=torch.Generator().manual_seed(0))
    assert relationship_loss(text, text, text, torch.ones(2, 5, dtype=torch.bool)).item() < 1e-12


def test_word_positions_leave_out_padding_start_and_end() -> None:
    ids = torch.tensor([[1, 7, 8, 2, 0, 0], [1, 2, 0, 0, 0, 0], [1, 5, 6, 7, 8, 2]])
    assert word_positions(ids).int().tolist() == [[0, 1, 1, 0, 0, 0], [0] * 6, [0, 1, 1, 1, 1, 0]]


def test_bernoulli_masks_at_the_released_ratio() -> None:
    words = torch.ones(64, 500, dtype=torch.bool)
    words[:, ::2] = False
    torch.manual_seed(0)
    shares = torch.stack([draw_mask(words, "bernoulli")[words].float().mean() for _ in range(300)])
    assert shares.mean().item() == pytest.approx(0.263, abs=0.01)
    assert shares.std().item() == pytest.approx(0.033, abs=0.01)
    assert RATIO_LOW - 0.02 < shares.min() < shares.max() < RATIO_HIGH + 0.02
    assert not draw_mask(words, "bernoulli")[~words].any()


def test_exact_masks_the_same_share_of_each_caption() -> None:
    words = torch.arange(40)[None] < torch.tensor([[0], [1], [2], [10], [40]])
    torch.manual_seed(0)
    for _ in range(50):
        counts = draw_mask(words, "exact").sum(1)
        ratio = counts[4] / 40
        assert counts[:3].tolist() == [0, 1, 1]
        assert abs(counts[3] - 10 * ratio) <= 0.5 + 10 / 80
        assert RATIO_LOW * 40 - 0.5 <= counts[4] <= RATIO_HIGH * 40 + 0.5
        assert not (draw_mask(words, "exact") & ~words).any()


def guided(**arguments: Any) -> LanguageGuided:
    torch.manual_seed(0)
    return LgVq(**{"base": "vqvae", **arguments}).build(SMOKE, "emoji-scenes", TEXT)


def batch() -> Batch:
    return Batch(torch.rand(6, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1, TEXT.batch(6))


def losses_of(tokenizer: LanguageGuided, given: Batch | None = None) -> dict[str, Tensor]:
    tokenizer.guidance.eval()  # no dropout, so that only the switch can make a difference
    torch.manual_seed(1)
    return tokenizer.losses(given or batch(), 0)


SWITCHES = [
    ("codebook_gradient", True, set()),
    ("legacy", False, set()),
    ("temperature", 0.07, {"gsa"}),
    ("gsa_reduction", "sum", {"gsa"}),
    ("masking", "exact", {"mtp"}),
    ("mask_at", "words", {"mtp"}),
    ("label_smoothing", 0.0, {"mtp"}),
    ("padding_mask", True, {"mtp"}),
    ("ras_text", "embeddings", {"ras"}),
    ("ras_head", False, {"ras"}),
    ("ras_sign", False, {"ras"}),
    ("ras_specials", False, {"ras"}),
    ("ras_reduction", "sum", {"ras"}),
]


def test_every_switch_is_tested_and_both_variants_are_complete() -> None:
    tested = {name: value for name, value, _ in SWITCHES} | {"temperature": 1.0}
    assert VARIANTS["paper"]._asdict() == tested
    released, paper = VARIANTS["released"]._asdict(), VARIANTS["paper"]._asdict()
    assert {name for name in released if released[name] == paper[name]} == {"temperature"}


@pytest.mark.parametrize(("switch", "value", "changed"), SWITCHES)
def test_a_switch_changes_what_it_names_and_nothing_else(
    switch: str, value: Any, changed: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizers = [guided(), guided(**{switch: value})]
    given = batch()
    if switch == "ras_sign":  # matters only for a word whose best similarity is negative
        assert given.text is not None
        opposite = -given.text.tokens[:, 1:2].expand(-1, SMOKE.grid**2 + 1, -1)
        for tokenizer in tokenizers:
            vision = tokenizer.guidance.vision
            vision.projection = torch.nn.Parameter(torch.eye(TEXT.width))
            monkeypatch.setattr(vision, "narrow", lambda _: opposite)
    before, after = (losses_of(tokenizer, given) for tokenizer in tokenizers)
    assert before.keys() == after.keys()
    assert {name for name in before if not torch.equal(before[name], after[name])} == changed


@pytest.mark.parametrize("name", TEXT_LOSSES)
@pytest.mark.parametrize(("variant", "reaches"), [("released", False), ("paper", True)])
def test_text_gradient_reaches_the_codebook_only_in_the_paper(name: str, variant: str, reaches: bool) -> None:
    tokenizer = guided(variant=variant)
    loss = losses_of(tokenizer)[name]
    to_codes = torch.autograd.grad(loss, tokenizer.base.quantizer.codebook, allow_unused=True, retain_graph=True)[0]
    to_encoder = torch.autograd.grad(loss, next(tokenizer.base.encoder.parameters()))[0]
    assert to_encoder.abs().max() > 0
    assert (to_codes is not None and to_codes.abs().max().item() > 0) == reaches


def test_codebook_gradient_is_the_sum_over_each_codes_positions() -> None:
    tokenizer = guided(codebook_gradient=True)
    reconstruction_input = batch()
    quantized = tokenizer.base.quantizer(tokenizer.base.encoder(reconstruction_input.images))
    caught: list[Tensor] = []
    tokenizer.guidance.register_forward_pre_hook(lambda _module, given: caught.append(given[0]))
    loss = losses_of(tokenizer)["gsa"]
    to_map, to_codes = torch.autograd.grad(loss, [caught[0], tokenizer.base.quantizer.codebook])
    expected = torch.zeros_like(to_codes).index_add_(
        0, quantized.indices.flatten(), to_map.permute(0, 2, 3, 1).flatten(0, 2)
    )
    torch.testing.assert_close(to_codes, expected)


def test_legacy_moves_beta_from_the_commitment_to_the_codebook() -> None:
    gradients = []
    for legacy in (True, False):
        tokenizer = guided(legacy=legacy)
        loss = losses_of(tokenizer)["codebook"]
        first = next(tokenizer.base.encoder.parameters())
        gradients.append(torch.autograd.grad(loss, [tokenizer.base.quantizer.codebook, first]))
    torch.testing.assert_close(4 * gradients[0][0], gradients[1][0])
    torch.testing.assert_close(gradients[0][1], 4 * gradients[1][1])


@pytest.mark.parametrize(("mask_at", "leaks"), [("features", True), ("words", False)])
def test_a_masked_word_leaks_into_later_positions_unless_masked_before_the_encoder(
    mask_at: str, leaks: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer = guided(mask_at=mask_at)
    seen: list[tuple[Tensor, Tensor]] = []
    model = tokenizer.guidance.word_model
    decoded = model.decoded

    def note(text: Tensor, visual: Tensor, predict: Tensor, *others: Any) -> Tensor:
        seen.append((text, predict))
        return decoded(text, visual, predict, *others)

    monkeypatch.setattr(model, "decoded", note)
    given = batch()
    assert given.text is not None
    quantized = torch.randn(6, SMOKE.width, SMOKE.grid, SMOKE.grid)
    ids = given.text.ids.clone()
    for _ in range(2):
        torch.manual_seed(5)
        tokenizer.guidance(quantized, type(given.text)(ids, *TEXT.encode(ids)))
        masked = seen[0][1][:, : ids.shape[1]]
        assert masked.any()
        ids = torch.where(masked, 4 + (ids + 7) % 60, ids)  # another word at each masked position
    (first, mask), (second, again) = seen
    assert torch.equal(mask, again)
    assert torch.equal(first[~mask], second[~mask]) != leaks


def test_padding_takes_part_only_without_the_padding_mask() -> None:
    for padding_mask in (False, True):
        tokenizer = guided(padding_mask=padding_mask).eval()
        text, visual = torch.randn(2, 12, TEXT.width), torch.randn(2, 65, TEXT.width)
        nothing, real = torch.zeros(2, 12, dtype=torch.bool), torch.ones(2, 12, dtype=torch.bool)
        real[:, 8:] = False
        model, words = tokenizer.guidance.word_model, TEXT.word_embeddings
        padded = model(text, visual, nothing, real, words, padding_mask)[:, :8]
        model.mask_tokens.data = model.mask_tokens.data[:8]
        cropped = model(text[:, :8], visual, nothing[:, :8], real[:, :8], words, padding_mask)
        assert torch.allclose(padded, cropped, atol=1e-5) == padding_mask


def test_cropped_padding_makes_no_difference() -> None:
    tokenizer, given = guided(), batch()
    assert given.text is not None
    ids, tokens, sentence = given.text
    more = TEXT.length - ids.shape[1]
    longer = type(given.text)(F.pad(ids, (0, more)), F.pad(tokens, (0, 0, 0, more), value=3.0), sentence)
    quantized = torch.randn(6, SMOKE.width, SMOKE.grid, SMOKE.grid)
    tokenizer.guidance.eval()
    found = []
    for text in (given.text, longer):
        torch.manual_seed(2)
        found.append(tokenizer.guidance(quantized, text))
    for name in TEXT_LOSSES:
        torch.testing.assert_close(found[0][name], found[1][name])


@pytest.mark.parametrize("losses", [("gsa",), ("mtp",), ("ras",), ("gsa", "ras"), TEXT_LOSSES])
def test_a_subset_keeps_weights_and_start_of_what_stays(losses: tuple[str, ...]) -> None:
    whole, part = losses_of(guided()), losses_of(guided(losses=losses))
    assert {name for name in part if name in TEXT_LOSSES} == set(losses)
    assert torch.equal(whole["codebook"], part["codebook"])
    if "gsa" in losses:
        assert torch.equal(whole["gsa"], part["gsa"])


def test_weights_are_the_released_ones_of_the_data_set() -> None:
    assert guided().weights == {"gsa": 0.001, "mtp": 0.01, "ras": 0.0001}
    cub = LgVq().build(SMOKE, "cub200", TEXT)
    assert cub.weights == {"gsa": 0.001, "mtp": 0.001, "ras": 0.001}
    given = LgVq(mtp=0.5).build(SMOKE, "cub200", TEXT)
    assert given.weights == {"gsa": 0.001, "mtp": 0.5, "ras": 0.001}


def test_the_text_encoder_is_neither_saved_nor_trained() -> None:
    tokenizer = guided(variant="paper")
    saved = tokenizer.state_dict()
    assert not any("words" in name or "table" in name for name in saved)
    frozen = {id(weight) for weight in TEXT.parameters()}
    assert not frozen & {id(weight) for weight in tokenizer.parameters()}


@pytest.mark.parametrize("variant", ["released", "paper"])
@pytest.mark.parametrize(
    "base", ["vq-ema", "vq-l2norm", "gumbel", "fsq", "lfq", "simvq", "ibq", "rvq", "random-codebook"]
)
def test_any_codebook_can_be_guided(base: str, variant: str) -> None:
    torch.manual_seed(0)
    tokenizer = guided(base=base, variant=variant).train()
    losses = tokenizer.losses(Batch(torch.rand(4, 3, 32, 32), TEXT.batch(4)), step=0)
    assert {"gsa", "mtp", "ras", "codebook", "l1"} <= losses.keys()
    text = losses["gsa"] + losses["mtp"] + losses["ras"]
    gradient = torch.autograd.grad(text, next(tokenizer.base.encoder.parameters()))[0]
    assert gradient.isfinite().all()
    assert gradient.abs().max() > 0


def test_what_is_given_for_the_base_reaches_it() -> None:
    quantizer = guided(codes=8, init="kmeans", revive="features").base.quantizer
    assert quantizer.codebook.shape == (8, SMOKE.width)
    assert (quantizer.renewal.init, quantizer.renewal.revive) == ("kmeans", "features")
    plain = guided().base.quantizer
    assert plain.codebook.shape == (SMOKE.codes, SMOKE.width)
    assert (plain.renewal.init, plain.renewal.revive) == ("uniform", "none")


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(UsageError, match="losses"):
        guided(losses=("gsa", "nce"))
    with pytest.raises(UsageError, match="losses"):
        guided(losses=())
    with pytest.raises(UsageError, match="legacy"):
        guided(base="cvq", legacy=True)
    with pytest.raises(UsageError, match="fsq has no argument 'revive'"):
        guided(base="fsq", revive="features")
    with pytest.raises(UsageError, match="no codebook"):
        guided(base="identity", variant="paper")
    with pytest.raises(UsageError, match="text encoder"):
        LgVq().build(SMOKE, "emoji-scenes", None)
    with pytest.raises(UsageError, match="guided"):
        guided(base="lgvq")
