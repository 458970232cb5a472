"""Records as pandas data frames: for notebooks, for export, and for the leaderboard."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from bench.records.record import Kind, Record

if TYPE_CHECKING:
    import pandas as pd

CELL = ("dataset", "preset", "task", "method", "arguments", "text_encoder", "seed", "head_seed")
"""The columns that say what was run."""

COLUMNS = (
    *CELL, "status", "reason", "metric", "value", "n", "higher_is_better", "unit", "protocol_hash", "code", "key",
)  # fmt: skip

TYPES = {"seed": "int64", "head_seed": "int64", "value": "float64", "n": "Int64", "higher_is_better": "boolean"}
"""Types of the columns that are not text. `Int64` and `boolean` can hold missing values, `int64` and `bool` cannot."""


def to_frame(records: Iterable[Record], kind: Kind = "run") -> pd.DataFrame:
    """One row a record and metric, in the order of the records and then of the metrics' names.

    A record without values (skipped, failed) has one row; its `reason` says why and its metric is missing. The columns
    are `COLUMNS`. `arguments` is JSON, so that it can be grouped by; `n` counts the examples behind a value.
    kind: of the records that are taken; "tune" gives the trials of `tune`.
    """
    import pandas as pd

    rows = [row for record in records if record.kind == kind for row in _rows(record)]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({name: TYPES.get(name, "string") for name in COLUMNS})


def costs(records: Iterable[Record]) -> pd.DataFrame:
    """One row a record, indexed by `CELL`, and one column a cost, sorted; NaN where a record does not state it.

    Units are those of the costs' names: "train_s" is in seconds.
    """
    import pandas as pd

    held = list(records)
    index = pd.MultiIndex.from_frame(pd.DataFrame(map(_cell, held), columns=list(CELL)))
    names = sorted({name for record in held for name in record.cost})
    return pd.DataFrame([record.cost for record in held], index=index, columns=names, dtype=float)


def newest(records: Iterable[Record]) -> list[Record]:
    """The records that count, sorted by what was run: of each cell and protocol the one that was created last.

    Trials of `tune` never count.

    A cell is a data set with its arguments, a preset, a task, a method with its arguments and text encoder, and the
    seeds of training and task. Protocols of the same version ("512 words", "1024 words") stand side by side; a newer
    version replaces an older.
    """
    import pandas as pd

    held = [record for record in records if record.kind == "run"]
    columns = [*CELL, "dataset_arguments", "protocol_hash", "version", "created", "key"]
    frame = pd.DataFrame([_cell(record) | _age(record) for record in held], columns=columns)
    cell = ["dataset", "dataset_arguments", *CELL[1:]]
    frame["latest"] = frame.groupby(cell)["version"].transform("max")
    last = frame.sort_values(["created", "key"]).drop_duplicates([*cell, "protocol_hash"], keep="last")
    counting = last[last["version"] == last["latest"]].sort_values([*cell, "protocol_hash"])
    return [held[position] for position in counting.index]


def _rows(record: Record) -> Sequence[dict[str, Any]]:
    shared = _cell(record) | record.model_dump(include={"status", "reason", "protocol_hash", "code", "key"})
    values = [
        shared | {"metric": name} | measured.model_dump(include={"value", "n", "higher_is_better", "unit"})
        for name, measured in sorted(record.metrics.items())
    ]
    return values or [shared]


def _cell(record: Record) -> dict[str, Any]:
    """The values of `CELL`."""
    return {
        "dataset": record.dataset.name,
        "preset": record.preset,
        "task": record.task,
        "method": record.method.name,
        "arguments": json.dumps(record.method.arguments, sort_keys=True),
        "text_encoder": record.text_encoder,
        "seed": record.seed,
        "head_seed": record.fit_seed,
    }


def _age(record: Record) -> dict[str, Any]:
    """What, with `_cell`, decides which records count. A protocol without a whole number as its version has 0."""
    version = record.protocol.get("version", 0)
    return {
        "dataset_arguments": json.dumps(record.dataset.arguments, sort_keys=True),
        "text_encoder": record.text_encoder or "",  # pandas leaves out of its groups what is missing
        "protocol_hash": record.protocol_hash,
        "version": version if isinstance(version, int) else 0,
        "created": datetime.fromisoformat(record.created),
        "key": record.key,
    }
