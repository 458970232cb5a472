"""A record: what a cell leaves behind, as data."""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from bench.contracts.metric import MetricName
from bench.errors import RecordError
from bench.system.terminal import one_line

BLIND = "blind"
"""The method name under which a task's trivial baseline is recorded."""

LARGEST = 1e100
"""Of the values that are read: squares of larger ones have no place in a float, nor have sums of many."""

KEY = re.compile(r"[A-Za-z0-9_-]{1,64}")
FILE_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._+=@-]{0,120}")


def _as_json(value: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
    """What JSON makes of it (tuples become lists), so that a record equals itself read back."""
    if info.mode == "json":
        if not _is_finite(value):
            raise ValueError("not JSON: Out of range float values are not JSON compliant")
        return value
    try:
        return dict(json.loads(json.dumps(value, allow_nan=False)))
    except (TypeError, ValueError) as error:
        raise ValueError(f"not JSON: {error}") from error


def _is_finite(value: dict[str, Any] | list[Any]) -> bool:
    """Whether all numbers of a value that was read from JSON are finite, without writing it again."""
    for part in value.values() if isinstance(value, dict) else value:
        if isinstance(part, float):
            if not math.isfinite(part):
                return False
        elif isinstance(part, (dict, list)) and not _is_finite(part):
            return False
    return True


def _encodable(value: object) -> object:
    """Replace lone surrogates (undecodable bytes of a path), so that any error message can be written as UTF-8."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


Text = Annotated[str, BeforeValidator(_encodable)]
Plain = Annotated[dict[str, Any], AfterValidator(_as_json)]
Name = Annotated[str, Field(min_length=1, max_length=120)]
Whole = Annotated[int, Field(ge=-(2**63), lt=2**63)]
"""A whole number that a column of a table can hold."""
Kind = Literal["run", "tune"]
"""Of records: what counts, or a trial of `tune` on validation data, which no table shows."""


def seeds_shown(seed: int, head_seed: int) -> str:
    """The seeds of a training and of a task on its codes, as lines show them: "seed 0", "seed 0, head seed 2"."""
    return f"seed {seed}" if head_seed == seed else f"seed {seed}, head seed {head_seed}"


class Strict(BaseModel):
    """A frozen model that knows all its fields."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_by_name=True, validate_by_alias=True)


class MethodUsed(Strict):
    """A method with all its arguments; a task's trivial baseline is `blind` with {"kind": "question only"}.

    control: not a competitor but a bound, such as `identity`.
    """

    name: Name
    arguments: Plain = {}
    control: bool = False


class DataUsed(Strict):
    """A data set; `planned` and `used` count the images per split."""

    name: Name
    fingerprint: str
    arguments: Plain = {}
    planned: dict[str, int] = {}
    used: dict[str, int] = {}


class Measured(Strict):
    """A metric's value.

    n: examples behind it. higher_is_better: None where neither direction is.
    over: "examples", the mean of per-example scores under the metric's name; "set", a value of all examples at once.
        None in records written before this was stored.
    clusters: name of the per-example array that says which scores share an image.
    error: standard error over images; None where it is not known, and in records written before it was stored.
    """

    value: float
    n: int = Field(ge=0, lt=2**63)
    higher_is_better: bool | None
    unit: str
    over: Literal["examples", "set"] | None = None
    clusters: str | None = None
    error: float | None = Field(default=None, ge=0, allow_inf_nan=False)


class Record(Strict):
    """One outcome.

    `seed` is the training's, which its codes come from; `head_seed` that of all that the task draws on these codes (the
    start of its network, its batches), None in records written before it was stored: see `fit_seed`. `created` is ISO
    8601 with its UTC offset; `code` fingerprints the code that the cell ran. `skipped` says of metrics why they were
    not measured. `per_example` and `samples` name files relative to the record's own folder; `RecordStore.write` fills
    them in.
    """

    schema_version: Literal[1] = Field(default=1, alias="schema")
    key: str = Field(pattern=f"^{KEY.pattern}$")
    kind: Kind = "run"
    status: Literal["ok", "skipped", "failed"]
    reason: Text | None = None
    traceback: Text | None = None
    method: MethodUsed
    task: Name
    dataset: DataUsed
    seed: Whole
    head_seed: Whole | None = None
    preset: str
    text_encoder: str | None = None
    protocol: Plain
    protocol_hash: str = Field(pattern=r"^[0-9a-f]{1,64}$")
    code: str
    metrics: dict[str, Measured] = {}
    skipped: dict[str, Text] = {}
    per_example: str | None = None
    samples: list[str] = []
    warnings: list[Text] = []
    cost: dict[str, float] = Field(default={}, max_length=100)
    env: Plain = {}
    created: str

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.status != "ok" and not self.reason:
            raise ValueError(f"a {self.status} record needs a reason")
        if self.per_example not in (None, f"{self.key}.npz"):
            raise ValueError(f"per_example must be {self.key}.npz")
        for name in self.samples:
            folder, _, file = name.partition("/")
            if folder != self.key or not FILE_NAME.fullmatch(file):
                raise ValueError(f"sample {name!r} is not a file in {self.key}/")
        if datetime.fromisoformat(self.created).tzinfo is None:
            raise ValueError("created has no UTC offset")
        return self

    @property
    def fit_seed(self) -> int:
        """The task's own seed: by default that of the training."""
        return self.seed if self.head_seed is None else self.head_seed

    def line(self) -> str:
        """The record in one line for a terminal: its main metrics, or why there are none."""
        return one_line(self._told())

    def _told(self) -> str:
        seeds = seeds_shown(self.seed, self.fit_seed)
        what = f"{self.status:7} {self.dataset.name} {self.method.name} {self.task} {seeds}"
        if self.status != "ok":
            hint = f" (python -m bench show {self.key[:8]})" if self.status == "failed" else ""
            return f"{what}: {self.reason}{hint}"
        main = [(name, metric) for name, metric in self.metrics.items() if MetricName.parse(name).main]
        main = main or list(self.metrics.items())[:3]
        return f"{what}: " + ", ".join(f"{name} {metric.value:.4g} {metric.unit}".rstrip() for name, metric in main)

    def to_json(self) -> str:
        """Canonical text: sorted keys, indent 1, newline at the end.

        Raises:
            RecordError: a number is not finite, which JSON cannot hold; a metric is named.
        """
        bad = [name for name, metric in self.metrics.items() if not math.isfinite(metric.value)]
        if bad:
            raise RecordError(f"not finite: {', '.join(f'{name} = {self.metrics[name].value}' for name in bad)}")
        try:
            # what is left out is the rule, and older records do not have it: a kind "run", an error that is not known
            fields = self.model_dump(by_alias=True, exclude={"kind"} if self.kind == "run" else None)
            for measured in fields["metrics"].values():
                if measured["error"] is None:
                    del measured["error"]
            return json.dumps(fields, sort_keys=True, indent=1, allow_nan=False) + "\n"
        except ValueError as error:
            raise RecordError(f"record {self.key} holds a number that is not finite") from error


def now() -> str:
    """Current UTC time, for `Record.created`."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def validate(fields: dict[str, Any]) -> Record:
    """A record from its fields.

    Raises:
        RecordError: one line that names the first field that is wrong.
    """
    try:
        return Record.model_validate(fields)
    except ValidationError as error:
        raise RecordError(_first_of(error)) from error


def parse(text: bytes) -> Record:
    """A record from JSON that may hold anything.

    Raises:
        RecordError: it is not JSON or not a record.
    """
    try:
        record = Record.model_validate_json(text)
    except ValidationError as error:
        raise RecordError(_first_of(error)) from error
    values = [number for metric in record.metrics.values() for number in (metric.value, metric.error or 0.0)]
    if not all(-LARGEST < number < LARGEST for number in (*record.cost.values(), *values)):
        record.to_json()  # names what is not finite; of all other numbers it is known
        raise RecordError(f"a value or a cost beyond {LARGEST:g} is no measurement")
    return record


def _first_of(error: ValidationError) -> str:
    """One line about the first thing that is wrong."""
    first = error.errors(include_url=False)[0]
    where, given = first["loc"], first["input"]
    if where == ("schema",) and isinstance(given, int) and given > 1:
        return f"written by a newer version of this program, with schema {given!s:.20}"
    message = first["msg"].removeprefix("Value error, ")
    return one_line(f"{'.'.join(map(str, where)) or 'record':.100}: {message:.300}")
