"""The files of a released tokenizer in a folder, as a page of models or a repository has them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bench.errors import DataError

INDEX = ".safetensors.index.json"
"""End of the name of a file that says in which part of a model each weight is."""
CONFIGS = ("config.json", "*.yaml", "*.yml")
WEIGHTS = (f"*{INDEX}", "*.safetensors", "*.ckpt", "*.pt", "*.pth", "*.bin")


class Files(NamedTuple):
    """A tokenizer's weights (an index where they are in parts) and its configuration, None where it has none."""

    weights: Path
    config: Path | None


def files_of(weights: Path, config: Path | None) -> Files:
    """The files; where `weights` is a folder, those in it: safetensors before checkpoints, config.json before yaml.

    Raises:
        DataError: the folder holds no weights, or several of one kind of file; an index of parts is given by itself,
            which says nothing of their content, so that no key would count it.
    """
    if weights.name.endswith(INDEX):
        raise DataError(f"{weights}: names parts of a model: give the folder that holds them")
    if not weights.is_dir():
        return Files(weights, config)
    found = _only(weights, WEIGHTS, "weights")
    if found is None:
        raise DataError(f"{weights}: holds no weights: {', '.join(WEIGHTS)}")
    return Files(found, config or _only(weights, CONFIGS, "config"))


def _only(folder: Path, patterns: Sequence[str], argument: str) -> Path | None:
    """The one file of the first pattern that any is of."""
    for pattern in patterns:
        paths = sorted(path for path in folder.glob(pattern) if path.is_file() and not path.name.startswith("."))
        if len(paths) > 1:
            names = ", ".join(path.name for path in paths[:5])
            raise DataError(f"{folder}: holds {names}; name one by --set pretrained.{argument}=FILE")
        if paths:
            return paths[0]
    return None
