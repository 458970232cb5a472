"""Records as pandas data frames, for notebooks and for export; which records count, and what they cost, without it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from datetime import datetime
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from bench.records.record import Kind, Record
from bench.system.garbage import uncollected

if TYPE_CHECKING:
    import pandas as pd

CELL = ("dataset", "preset", "task", "method", "arguments", "text_encoder", "seed", "head_seed")
"""The columns that say what was run; a data set's own arguments stand in `dataset_arguments`."""

COLUMNS = (
    *CELL, "status", "reason", "metric", "value", "error", "n", "higher_is_better", "unit", "dataset_arguments",
    "protocol_hash", "code", "key",
)  # fmt: skip

TYPES: dict[str, Any] = {
    "seed": "int64",
    "head_seed": "int64",
    "value": "float64",
    "error": "float64",
    "n": "Int64",
    "higher_is_better": "boolean",
}
"""Types of the columns that are not text. `Int64` and `boolean` can hold missing values, `int64` and `bool` cannot."""

Place: TypeAlias = tuple[Any, ...]


class MeanCost(NamedTuple):
    """The mean of a cost over the records that state it, and how many do."""

    mean: float
    records: int


class Texts:
    """Arguments as JSON with sorted keys, which can be grouped by; those that many records share are written once."""

    def __init__(self) -> None:
        self._texts: dict[int, tuple[dict[str, Any], str]] = {}

    def __call__(self, arguments: dict[str, Any]) -> str:
        """The text; the arguments are kept, so that no others take their place in memory."""
        known = self._texts.get(id(arguments))
        if known is None:
            known = self._texts[id(arguments)] = arguments, json.dumps(arguments, sort_keys=True)
        return known[1]


def to_frame(records: Iterable[Record], kind: Kind = "run") -> pd.DataFrame:
    """One row a record and metric, in the order of the records and then of the metrics' names.

    A record without values (skipped, failed) has one row; its `reason` says why and its metric is missing. The columns
    are `COLUMNS`. `arguments` is JSON, so that it can be grouped by; `n` counts the examples behind a value, and
    `error` is its standard error over images, where the record states one.
    kind: of the records that are taken; "tune" gives the trials of `tune`.
    """
    import pandas as pd

    texts = Texts()
    rows = [row for record in records if record.kind == kind for row in rows_of(record, texts)]
    columns = zip(*rows, strict=True) if rows else [()] * len(COLUMNS)
    types = dict.fromkeys(COLUMNS, "string") | TYPES
    typed = {name: pd.array(list(values), types[name]) for name, values in zip(COLUMNS, columns, strict=True)}
    return pd.DataFrame(typed)


def rows_of(record: Record, texts: Texts) -> Iterator[tuple[Any, ...]]:
    """The rows of a record, each with the values of `COLUMNS`; what is missing is None."""
    before = (*_cell(record, texts), record.status, record.reason)
    after = texts(record.dataset.arguments), record.protocol_hash, record.code, record.key
    for name, measured in sorted(record.metrics.items()):
        about = measured.value, measured.error, measured.n, measured.higher_is_better, measured.unit
        yield *before, name, *about, *after
    if not record.metrics:
        yield *before, None, None, None, None, None, None, *after


def costs(records: Iterable[Record]) -> pd.DataFrame:
    """One row a record, indexed by `CELL`, and one column a cost, sorted; NaN where a record does not state it.

    Units are those of the costs' names: "train_s" is in seconds.
    """
    import pandas as pd

    held, texts = list(records), Texts()
    cells = [_cell(record, texts) for record in held]
    index = pd.MultiIndex.from_frame(pd.DataFrame(cells, columns=list(CELL)))
    names = sorted({name for record in held for name in record.cost})
    return pd.DataFrame([record.cost for record in held], index=index, columns=names, dtype=float)


def mean_costs(records: Iterable[Record]) -> dict[str, MeanCost]:
    """The mean of each cost over the records that state it, by its name, sorted; whatever their order."""
    stated: dict[str, list[float]] = {}
    for record in records:
        for name, value in record.cost.items():
            stated.setdefault(name, []).append(value)
    return {name: MeanCost(math.fsum(values) / len(values), len(values)) for name, values in sorted(stated.items())}


def newest(records: Iterable[Record]) -> list[Record]:
    """The records that count, sorted by what was run: of each cell and protocol the one that was created last.

    Trials of `tune` never count.

    A cell is a data set with its arguments, a preset, a task, a method with its arguments and text encoder, and the
    seeds of training and task. Protocols of the same version ("512 words", "1024 words") stand side by side; a newer
    version replaces an older.
    """
    texts = Texts()
    latest: dict[Place, int] = {}
    last: dict[Place, tuple[tuple[datetime, str], Record]] = {}
    with uncollected():
        for record in records:
            if record.kind != "run":
                continue
            place = _place(record, texts)
            cell, version = place[:-1], _version(record)
            latest[cell] = max(version, latest.get(cell, version))
            age = datetime.fromisoformat(record.created), record.key
            if place not in last or last[place][0] <= age:
                last[place] = age, record
    counting = sorted(last.items(), key=itemgetter(0))
    return [record for place, (_, record) in counting if _version(record) == latest[place[:-1]]]


def _cell(record: Record, texts: Texts) -> Place:
    """The values of `CELL`."""
    return (
        record.dataset.name,
        record.preset,
        record.task,
        record.method.name,
        texts(record.method.arguments),
        record.text_encoder,
        record.seed,
        record.fit_seed,
    )


def _place(record: Record, texts: Texts) -> Place:
    """What only one record can count for, in the order in which records are sorted; the protocol's hash stands last."""
    dataset, *what, encoder, seed, head_seed = _cell(record, texts)
    arguments = texts(record.dataset.arguments)
    return dataset, arguments, *what, encoder or "", seed, head_seed, record.protocol_hash


def _version(record: Record) -> int:
    """Of its protocol; 0 where that is no whole number."""
    version = record.protocol.get("version", 0)
    return version if isinstance(version, int) else 0
