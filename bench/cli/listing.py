"""What `list` and `show` print."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from bench import registry
from bench.errors import UsageError
from bench.presets import PRESETS
from bench.registry import did_you_mean

REGISTRIES = {
    "methods": registry.methods,
    "tasks": registry.tasks,
    "datasets": registry.datasets,
    "metrics": registry.metrics,
    "text-encoders": registry.text_encoders,
}


def rows(kind: str) -> list[dict[str, Any]]:
    """Name, one line about it, and facts, for everything of a kind."""
    if kind == "presets":
        sizes = [(name, dataclasses.asdict(preset)) for name, preset in PRESETS.items()]
        return [{"name": name, "about": preset.pop("about"), "facts": preset} for name, preset in sizes]
    return [{"name": entry.name, "about": entry.about, "facts": entry.facts} for entry in REGISTRIES[kind].entries()]


def as_json(kind: str) -> str:
    """All rows, as JSON."""
    return json.dumps(rows(kind), indent=1)


def as_text(kind: str) -> str:
    """One line a row."""
    found = rows(kind)
    width = max((len(row["name"]) for row in found), default=0)
    return "\n".join(f"{row['name']:{width}}  {row['about']}{_facts(row['facts'], kind)}" for row in found)


def _facts(facts: dict[str, Any], kind: str) -> str:
    """The facts worth a place on the line: presets' are too many."""
    words = [f"{name}={value}" for name, value in facts.items() if value not in ((), "")]
    return f"  [{', '.join(words)}]" if words and kind != "presets" else ""


def one_record(key: str, results: Path) -> str:
    """The record whose key starts with `key`, as JSON, and the path of its file.

    Raises:
        UsageError: none or several such records.
    """
    from bench.records.store import RecordStore

    store = RecordStore(results)
    found = [record for record in store.all().records if record.key.startswith(key)]
    if not found:
        raise UsageError(f"no record {key!r} in {results}{did_you_mean(key, [r.key for r in store.all().records])}")
    if len(found) > 1:
        raise UsageError(f"{key!r} is the beginning of {len(found)} keys: {', '.join(r.key for r in found[:5])} ...")
    return f"{found[0].to_json()}{store.path_of(found[0])}"
