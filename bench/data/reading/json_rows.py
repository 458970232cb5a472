"""Large annotation files in JSON, row by row: half a gigabyte of COCO never stands in memory as a whole."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import ijson

from bench.data.reading.paths import open_file
from bench.errors import DataError

T = TypeVar("T")
BUFFER = 2**14
MAX_OPEN = 8_000
"""Brackets open at once. The parser keeps the path to each, so that a file of nothing else would fill the memory."""


class _Shallow:
    """A file that ends with an error before too many brackets are open; those inside texts count as well."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.open = file, 0

    def read(self, count: int) -> bytes:
        data = self.file.read(count)
        opened = data.count(b"[") + data.count(b"{")
        if self.open + opened > MAX_OPEN:
            raise ValueError("nested too deeply")
        self.open = max(0, self.open + opened - data.count(b"]") - data.count(b"}"))
        return data


def rows(path: Path, key: str) -> Iterator[dict[str, Any]]:
    """The objects of the list that stands under `key` of the file's top-level object.

    Raises:
        DataError: missing, not JSON, or no list of objects there.
    """
    empty = True
    try:
        with open_file(path) as file:
            for row in ijson.items(_Shallow(file), f"{key}.item", use_float=True, buf_size=BUFFER):
                if not isinstance(row, dict):
                    raise DataError(f"{path}: {key!r} holds something else than objects")
                empty = False
                yield row
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing") from error
    except (ijson.JSONError, UnicodeDecodeError, OSError, ValueError, OverflowError, RecursionError) as error:
        raise DataError(f"{path} is not JSON: {str(error).splitlines()[0]:.200}") from error
    if empty:
        raise DataError(f"{path} has no rows under {key!r}")


def parse_json(text: str, name: str) -> Any:
    """The value of a JSON text; `name` is what an error calls it. Raises `DataError` where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{name} is not JSON: {error}") from error


def field(row: dict[str, Any], name: str, kind: type[T], where: Path) -> T:
    """A row's value, of the right type.

    Raises:
        DataError: it is missing or something else.
    """
    value = row.get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
        fault = "missing" if name not in row else f"not {kind.__name__}"
        raise DataError(f"{where}: {name!r} of a row is {fault}: {repr(row)[:120]}")
    return value


def numbers(values: object, count: int | None = None) -> tuple[float, ...] | None:
    """A list of finite numbers, of this length where one is given; None where it is something else."""
    if not isinstance(values, list) or (count is not None and len(values) != count):
        return None
    if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return None
    try:
        floats = tuple(map(float, values))
    except OverflowError:
        return None
    return floats if all(map(math.isfinite, floats)) else None
