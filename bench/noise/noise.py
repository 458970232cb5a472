"""What is known of one metric's noise, as data; the file that holds it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from bench.errors import RecordError
from bench.records.record import Plain, Strict
from bench.system import untrusted

FILE = "noise.json"
"""Its name in a folder of records, where the leaderboard looks for it."""
DIGITS = 4
"""Significant digits that are kept: more would be noise of noise."""
MAX_BYTES = 16 * 2**20


class Place(Strict):
    """What a value is compared within: records that differ in one of these stand in different tables."""

    dataset: str
    dataset_arguments: Plain
    fingerprint: str
    preset: str
    task: str
    protocol_hash: str


class Noise(Strict):
    """Standard deviations of a metric's value, see `bench.noise.components.Components`; None where not known.

    images: standard error over test images, for one value; difference: for the difference of two methods.
    methods, trainings, fits: how many this rests on. smallest: number of seeds to the smallest difference that they
    find, see `bench.noise.power`.
    """

    place: Place
    metric: str
    unit: str
    headline: bool
    head: float | None
    training: float | None
    total: float | None
    images: float | None
    difference: float | None
    methods: int
    trainings: int
    fits: int
    head_freedom: int
    total_freedom: int
    smallest: dict[int, float]


_LIST = TypeAdapter(list[Noise])


def to_json(found: Iterable[Noise]) -> str:
    """Canonical text: sorted keys, indent 1, newline at the end, numbers of `DIGITS` digits."""
    rows = [_rounded(noise.model_dump()) for noise in found]
    return json.dumps(rows, sort_keys=True, indent=1, allow_nan=False) + "\n"


def read(path: Path) -> list[Noise]:
    """The file of `to_json`; empty where there is none.

    Raises:
        RecordError: it is there and is something else.
    """
    try:
        return _LIST.validate_json(untrusted.read(path, MAX_BYTES))
    except FileNotFoundError:
        return []
    except (OSError, ValueError, ValidationError) as error:
        raise RecordError(f"{path}: not what `noise` writes ({' '.join(str(error).split())[:200]})") from error


def _rounded(value: object) -> object:
    if isinstance(value, dict):
        return {str(name): _rounded(part) for name, part in value.items()}
    if isinstance(value, float) and value and math.isfinite(value):
        return round(value, DIGITS - 1 - math.floor(math.log10(abs(value))))
    return value
