"""TiTok: a row of tokens that each reach the whole image, on which tasks that take positions for places are skipped."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from helpers.small_text import SmallText
from torch import nn

from bench.errors import UsageError
from bench.experiment.arguments import Setting
from bench.experiment.jobs import Job
from bench.experiment.place import Place, Setup
from bench.experiment.plan import plan
from bench.experiment.request import Request
from bench.experiment.stages import perform
from bench.methods.lgvq import LgVq
from bench.methods.parts.backbones import build_backbone
from bench.methods.titok import BY_PLACES, LatentTokenizer, TiTok
from bench.presets import PRESETS
from bench.registry import tasks

SMOKE, TINY = PRESETS["smoke"], PRESETS["tiny"]


def build(method: TiTok = TiTok()) -> LatentTokenizer:  # noqa: B008 - it is frozen
    torch.manual_seed(0)
    return method.build(SMOKE, "emoji-scenes", None)


def test_tokens_are_a_row_and_by_default_as_many_as_those_of_the_others() -> None:
    assert build().grid == (1, SMOKE.grid**2)
    few = build(TiTok(tokens=10, codes=20)).eval()
    found = few.encode(torch.randn(3, 3, 32, 32))
    assert found.shape == (3, 1, 10)
    assert few.decode(found).shape == (3, 3, 32, 32)
    assert few.codebook.shape == (20, SMOKE.width)


def test_every_token_sees_every_pixel_and_reaches_every_pixel() -> None:
    made = build(TiTok(tokens=5)).double()
    images = torch.randn(1, 3, 32, 32, dtype=torch.float64, requires_grad=True)
    vectors = made.encoder(images)
    for token in range(5):
        (seen,) = torch.autograd.grad(vectors[..., token].square().sum(), images, retain_graph=True)
        assert (seen.abs().amax(1) > 0).all()
        changed = vectors.detach().clone()
        changed[..., token] += 1
        difference = made.decoder(changed) - made.decoder(vectors.detach())
        assert (difference.abs().amax(1) > 0).all()


def test_the_network_is_as_large_as_the_shared_one() -> None:
    torch.manual_seed(0)
    made = TiTok().build(TINY, "emoji-scenes", None)
    ours, theirs = ([made.encoder, made.decoder], build_backbone(TINY))
    sizes = [sum(weight.numel() for part in parts for weight in part.parameters()) for parts in (ours, theirs)]
    assert sizes[0] == pytest.approx(sizes[1], rel=0.05)


def test_the_quantizer_is_the_one_of_the_authors_training_in_one_stage() -> None:
    """Nearest by distance, 0.25 on the commitment term; codes that nothing chooses move to their nearest features."""
    quantizer = build().quantizer.train()
    z = 3 + torch.randn(2, SMOKE.width, 1, 7, generator=torch.Generator().manual_seed(0))
    before = quantizer.codebook.detach().clone()
    found = quantizer(z)
    rows = z.permute(0, 2, 3, 1).reshape(-1, SMOKE.width)
    assert torch.equal(found.indices.flatten(), torch.cdist(rows, before).argmin(1))
    error = (before[found.indices].permute(0, 3, 1, 2) - z).square().mean()
    torch.testing.assert_close(found.loss, 1.25 * error)
    unused = torch.ones(SMOKE.codes, dtype=torch.bool)
    unused[found.indices.flatten()] = False
    closest = rows[torch.cdist(before, rows).argmin(1)]
    pull = torch.exp(torch.tensor(-1e-3))
    moved = before.lerp(closest, pull)[unused]
    torch.testing.assert_close(quantizer.codebook.detach()[unused], moved)


def test_tokens_tell_images_apart_from_the_start() -> None:
    """With weights too small for the width they do not, and the codebook loss then keeps them from ever doing so."""
    smooth = F.interpolate(torch.randn(8, 3, 4, 4, generator=torch.Generator().manual_seed(0)), 32, mode="bicubic")
    found = build().eval().encode(smooth.clamp(-1, 1)).flatten(1)
    assert (found[:-1] != found[1:]).double().mean() > 0.1  # 0.03 where weights start at 0.02


def test_blocks_of_a_transformer_start_apart() -> None:
    first, second, *_ = build().encoder.blocks.blocks
    for name, weight in first.named_parameters():
        if weight.ndim == 2:
            assert not torch.equal(weight, second.get_parameter(name)), name
    assert isinstance(first, nn.TransformerEncoderLayer)


def test_tasks_that_take_positions_for_places_are_skipped_with_the_reason() -> None:
    request = Request(methods=("titok", "vqgan"), tasks=(*BY_PLACES, "vqa", "unconditional"), preset="smoke")
    reasons = {(cell.method_used.name, cell.task.name): cell.skip for cell in plan(request)}
    for task in tasks.names():
        if ("titok", task) in reasons:
            assert (reasons["titok", task] is not None) is (task in BY_PLACES)
            assert reasons["vqgan", task] is None
    assert all("no place of the image" in str(reasons["titok", task]) for task in BY_PLACES)
    assert set(BY_PLACES) <= set(tasks.names())


def test_what_it_cannot_be_built_for_is_refused() -> None:
    with pytest.raises(UsageError, match="32 pixels cannot be cut into 7 patches"):
        TiTok().build(dataclasses.replace(SMOKE, grid=7), "emoji-scenes", None)
    with pytest.raises(UsageError, match="no sizes for the backbone 'huge'"):
        TiTok().build(dataclasses.replace(SMOKE, backbone="huge"), "emoji-scenes", None)
    with pytest.raises(UsageError, match="titok cannot be guided"):
        LgVq(base="titok").build(SMOKE, "emoji-scenes", SmallText())


def test_its_records_say_that_its_network_is_another(toy: Path, tmp_path: Path) -> None:
    given = (Setting("preset", "steps", "1"), Setting("reconstruction", "extractors", "()"))
    request = Request(("titok", "toy"), (), ("toy-colours",), "smoke", settings=given)
    setup = Setup(Place(tmp_path / "results", tmp_path / "cache", "cpu"), (toy,), {}, None)
    for cell in plan(request):
        if cell.tokenizer:
            record = perform(Job(cell.key, "cell", "", cell), setup)
            assert record is not None
            assert record.status == "ok"
            assert (TiTok.warning in record.warnings) is (record.method.name == "titok")
