"""Configurations of released tokenizers: yaml or JSON that anybody may have written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeAlias, TypeVar

import yaml
from pydantic import BaseModel, Field, ValidationError

from bench.errors import DataError
from bench.system import untrusted

MAX_BYTES = 2**26
"""Emu3's has a vocabulary of some megabytes in it."""

Few: TypeAlias = Annotated[int, Field(ge=1, le=64)]
"""How many layers: a network is laid out one by one, and a number of millions would take for ever."""
Channels: TypeAlias = Annotated[int, Field(ge=32, le=2**16, multiple_of=32)]
"""Of convolutions that are normalised in 32 groups."""
Factors: TypeAlias = Annotated[list[Few], Field(min_length=1, max_length=16)]
"""By how much a level's channels are more than the first level's; images are halved between levels."""

Shape = TypeVar("Shape", bound=BaseModel)


def read_config(path: Path) -> dict[str, Any]:
    """What a configuration says, JSON where its name ends in .json and else yaml.

    Raises:
        DataError: it is missing, not of its kind or not a mapping.
    """
    kind = "JSON" if path.suffix == ".json" else "yaml"
    try:
        content = untrusted.read(path, MAX_BYTES)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise DataError(f"{path}: {error}") from error
    try:
        values = json.loads(content) if kind == "JSON" else yaml.safe_load(content)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: not {kind}: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise DataError(f"{path}: not a mapping")
    return values


def validated(shape: type[Shape], values: Mapping[str, Any], path: Path | None) -> Shape:
    """The part of a configuration that shapes a network.

    Raises:
        DataError: a key is missing or its value makes no such network; names the first.
    """
    try:
        return shape.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise DataError(f"{path}: {where}{': ' if where else ''}{first['msg'].lower()}") from error
