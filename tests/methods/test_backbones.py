from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from torch import Tensor

from bench.errors import DataError, UsageError
from bench.features import lpips_weights
from bench.features.perceptual import ARCHITECTURES, LpipsNetwork
from bench.methods.parts.adversarial import perceptual_distance
from bench.methods.parts.backbones import build_backbone
from bench.presets import PRESETS
from bench.system.torchvision_ops import make_importable

LIGHT = PRESETS["tiny"]


@pytest.mark.parametrize(("size", "grid"), [(32, 8), (32, 16), (64, 16), (64, 8)])
def test_light_backbone_reaches_its_grid(size: int, grid: int) -> None:
    preset = dataclasses.replace(LIGHT, image_size=size, grid=grid, width=5)
    encoder, decoder = build_backbone(preset)
    features = encoder(torch.randn(2, 3, size, size))
    assert features.shape == (2, 5, grid, grid)
    assert decoder(features).shape == (2, 3, size, size)


def test_light_decoder_sees_codes_of_any_scale() -> None:
    _, decoder = build_backbone(LIGHT)
    codes = torch.randn(2, LIGHT.width, LIGHT.grid, LIGHT.grid)
    torch.testing.assert_close(decoder(codes / 512), decoder(codes), rtol=1e-3, atol=1e-4)


def test_taming_backbone_is_the_released_network() -> None:
    encoder, decoder = build_backbone(PRESETS["paper"])
    count = {name: sum(p.numel() for p in part.parameters()) for name, part in (("e", encoder), ("d", decoder))}
    assert count == {"e": 29_298_176 + 256 * 257, "d": 42_449_795 + 256 * 257}
    small = dataclasses.replace(PRESETS["paper"], image_size=64)
    encoder, decoder = build_backbone(dataclasses.replace(small, grid=16, width=7))
    with torch.inference_mode():
        features = encoder(torch.randn(1, 3, 64, 64))
        assert features.shape == (1, 7, 16, 16)
        assert decoder(features).shape == (1, 3, 64, 64)


@pytest.mark.parametrize("backbone", ["light", "taming"])
def test_last_weight_makes_the_output(backbone: str) -> None:
    preset = dataclasses.replace(LIGHT, backbone=backbone)
    _, decoder = build_backbone(preset)
    images = decoder(torch.randn(1, preset.width, preset.grid, preset.grid))
    (gradient,) = torch.autograd.grad(images.sum(), decoder.last_weight)
    assert gradient.abs().max() > 0
    assert sum(weight is decoder.last_weight for weight in decoder.parameters()) == 1


@pytest.mark.parametrize(("change", "message"), [({"grid": 7}, "halving"), ({"grid": 32}, "halving")])
def test_an_unreachable_grid_is_refused(change: dict[str, int], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        build_backbone(dataclasses.replace(LIGHT, **change))


def test_an_unknown_backbone_is_refused() -> None:
    with pytest.raises(UsageError, match="light"):
        build_backbone(dataclasses.replace(LIGHT, backbone="heavy"))


def test_perceptual_distance_is_torchmetrics_on_the_same_network() -> None:
    make_importable()
    from torchmetrics.functional.image.lpips import _LPIPS

    torch.manual_seed(0)
    theirs = _LPIPS(net="vgg", pnet_rand=True)
    state = theirs.net.state_dict()
    vgg: dict[str, Tensor] = {f"features.{name.partition('.')[2]}": value for name, value in state.items()}
    assert len(vgg) == 2 * sum(len(stage.convolutions) for stage in ARCHITECTURES["vgg"].stages)
    ours = LpipsNetwork("vgg", vgg)
    images = torch.rand(3, 3, 40, 40, generator=torch.Generator().manual_seed(0)) * 2 - 1
    other = images.flip(-1).requires_grad_()
    found = ours(images, other)
    torch.testing.assert_close(found, theirs(images, other).flatten(), rtol=1e-4, atol=1e-6)
    assert torch.autograd.grad(found.sum(), other)[0].abs().max() > 0
    assert ours.state_dict() == {}
    assert list(ours.parameters()) == []


def test_missing_or_wrong_vgg_weights_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(lpips_weights, "PACKAGE", "no_such_package")
    with pytest.raises(DataError, match=r"weights.txt.*perceptual=none"):
        perceptual_distance()
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "vgg16-397923af.pth").write_bytes(b"something else")
    with pytest.raises(DataError, match="sha256"):
        perceptual_distance()
