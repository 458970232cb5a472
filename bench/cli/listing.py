"""What `list` and `show` print."""

from __future__ import annotations

import dataclasses
import difflib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import registry
from bench.contracts.metric import Metric
from bench.errors import UsageError
from bench.presets import PRESETS
from bench.system.terminal import one_line

if TYPE_CHECKING:
    from bench.records.store import RecordStore

REGISTRIES: dict[str, registry.Registry[Any]] = {
    "methods": registry.methods,
    "tasks": registry.tasks,
    "datasets": registry.datasets,
    "text-encoders": registry.text_encoders,
}


def rows(kind: str) -> list[dict[str, Any]]:
    """Name, one line about it, and facts, for everything of a kind."""
    if kind == "presets":
        sizes = [(name, dataclasses.asdict(preset)) for name, preset in PRESETS.items()]
        return [{"name": name, "about": preset.pop("about"), "facts": preset} for name, preset in sizes]
    if kind == "metrics":
        return [_metric(metric) for _, metric in sorted(registry.all_metrics().items())]
    return [
        {"name": entry.name, "about": entry.about, "facts": _plain(dataclasses.asdict(entry.facts))}
        for entry in REGISTRIES[kind].entries()
    ]


def as_json(kind: str) -> str:
    """All rows, as JSON."""
    return json.dumps(rows(kind), indent=1)


def as_text(kind: str) -> str:
    """One line a row."""
    listed = rows(kind)
    width = max((len(row["name"]) for row in listed), default=0)
    return "\n".join(one_line(f"{row['name']:{width}}  {row['about']}{_facts(row['facts'], kind)}") for row in listed)


def _metric(metric: Metric) -> dict[str, Any]:
    facts = {"higher_is_better": metric.higher_is_better, "unit": metric.unit}
    return {"name": metric.name, "about": metric.about, "facts": facts}


def _plain(facts: dict[str, Any]) -> dict[str, Any]:
    """Facts with the metrics that a task declares by their names."""
    if "metrics" in facts:
        facts["metrics"] = [metric if isinstance(metric, str) else metric["name"] for metric in facts["metrics"]]
    return facts


def _facts(facts: dict[str, Any], kind: str) -> str:
    """The facts worth a place on the line: presets' are too many."""
    if kind == "presets":
        return ""
    if kind == "metrics":
        words = [
            {True: "higher is better", False: "lower is better", None: "no better or worse"}[facts["higher_is_better"]]
        ]
        words += [facts["unit"]] if facts["unit"] else []
    else:
        words = [f"{name}={_shown(value)}" for name, value in facts.items() if value]
    return f"  [{', '.join(words)}]" if words else ""


def _shown(value: object) -> str:
    return "+".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def one_record(key: str, results: Path) -> str:
    """The record whose key starts with `key`, as JSON, then the paths of its files and the command that makes it again.

    Raises:
        UsageError: none or several such records.
    """
    from bench.records.command import command_of
    from bench.records.store import RecordStore

    store = RecordStore(results)
    records, problems = store.starting_with(key)
    if not records:
        raise UsageError(f"no record {key!r} in {results}: {problems[0] if problems else _near(key, store)}")
    if len(records) > 1:
        keys = ", ".join(record.key for record in records[:5])
        raise UsageError(f"{key!r} is the beginning of {len(records)} keys: {keys}{', ...' * (len(records) > 5)}")
    lines = [*map(str, store.paths_of(records[0])), command_of(records[0])]
    lines += [f"left out: {problem}" for problem in problems]
    return records[0].to_json() + "\n".join(map(one_line, lines))


def _near(key: str, store: RecordStore) -> str:
    """The key most like a wrong one, else how many there are."""
    keys = store.keys()
    near = difflib.get_close_matches(key, keys, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}?" if near else f"{len(keys):,} records have other keys"
