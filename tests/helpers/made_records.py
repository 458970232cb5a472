"""Records that tests make up."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.leaderboard.board import render
from bench.leaderboard.markdown import to_markdown
from bench.records.record import Record
from bench.records.store import RecordStore

N = 200


def a_record(
    method: str = "lgvq",
    accuracy: float | None = 0.75,
    *,
    seed: int = 0,
    task: str = "vqa",
    metric: str = "accuracy",
    arguments: dict[str, Any] | None = None,
    protocol: dict[str, Any] | None = None,
    day: int = 1,
    higher: bool | None = True,
    **changes: Any,
) -> Record:
    """A record as a cell would leave it; failed where accuracy is None."""
    measured = {"value": accuracy, "n": N, "higher_is_better": higher, "unit": ""}
    protocol = protocol or {"words": 12}
    fields: dict[str, Any] = {
        "key": hashlib.sha256(repr((method, task, seed, day, arguments, protocol)).encode()).hexdigest(),
        "status": "failed" if accuracy is None else "ok",
        "reason": "TrainingDiverged: loss is NaN" if accuracy is None else None,
        "method": {"name": method, "arguments": arguments or {}},
        "task": task,
        "dataset": {"name": "emoji-scenes", "fingerprint": "f1", "used": {"test": N}},
        "seed": seed,
        "preset": "tiny",
        "protocol": protocol,
        "protocol_hash": "cafe" + "".join(str(value).encode().hex() for _, value in sorted(protocol.items()))[:60],
        "code": "c1",
        "metrics": {} if accuracy is None else {metric: measured},
        "created": f"2026-01-{day:02}T00:00:00+00:00",
    }
    return Record.model_validate(fields | changes)


def rows(markdown: str, heading: str = "### vqa") -> dict[str, list[str]]:
    """The first table below a heading: first column to the others."""
    lines = markdown.split(f"{heading}\n", 1)[1].split("\n## ")[0].splitlines()
    table = [[part.strip() for part in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    end = next((i for i, row in enumerate(table) if i > 1 and row[0] == "method"), len(table))
    return {row[0]: row[1:] for row in table[:end] if not row[0].startswith(":")}


def shown(records: Sequence[Record], store: RecordStore | None = None) -> str:
    """The Markdown of these records' leaderboard."""
    return to_markdown(render(records, store))


def write_in_turn(root: str, writer: int) -> None:
    """Write one shared and one own record, 25 times; for a process of its own."""
    store = RecordStore(Path(root))
    for turn in range(25):
        store.write(a_record(key="shared", seed=writer), {"accuracy": np.full(500, writer)}, {"a.txt": str(writer)})
        store.write(a_record(key=f"w{writer}-{turn}"))
