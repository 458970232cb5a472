"""A page for each record: where it comes from, all that it holds, and the command that makes it again."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from bench.contracts.metric import MetricName
from bench.records.command import command_of
from bench.records.record import Record
from bench.registry import metric_names
from bench.report.assets import as_json
from bench.report.budget import Budget
from bench.report.places import Place
from bench.report.tables import Grid
from bench.report.text import cut, name

MOST_PAGES = 2_000
"""Records that have a page; all are listed."""
MOST_METRICS = 400
WHOLE = 1_000
"""Costs from here on have no decimals."""
LONGEST_JSON = 8_000
LONGEST_TRACEBACK = 4_000

Detail = dict[str, Any]


def records_grid(records: Sequence[Record], places: Iterable[Place]) -> Grid:
    """A row a record, with the anchor of its page."""
    counting = {record.key: place.label(record) for place in places for record in place.records}
    return {
        "caption": "All records",
        "columns": [
            {"name": "record"},
            {"name": "data set", "filter": True},
            {"name": "preset", "filter": True},
            {"name": "task", "filter": True},
            {"name": "method"},
            {"name": "seed", "number": True},
            {"name": "head seed", "number": True},
            {"name": "status", "filter": True},
            {"name": "value"},
            {"name": "counts", "filter": True},
        ],
        "rows": [
            [
                {"to": record.key},
                name(record.dataset.name),
                name(record.preset),
                name(record.task),
                name(counting.get(record.key, record.method.name)),
                record.seed,
                record.fit_seed,
                record.status,
                _first_value(record),
                "yes" if record.key in counting else "trial" if record.kind == "tune" else "replaced by a newer one",
            ]
            for record in records
        ],
    }


def details(
    records: Sequence[Record], places: Iterable[Place], pictures: Mapping[str, Sequence[int]], budget: Budget
) -> Detail:
    """What the records' pages show, by key, as far as there is room: of each cell's trainings first the lowest seed.

    texts: all that the pages say; they name it by number, since records have most of it in common.
    """
    labels = {record.key: place.label(record) for place in places for record in place.records}
    texts: dict[str, int] = {}
    found: Detail = {}
    for record in _in_turn(records)[:MOST_PAGES]:
        held = len(texts)
        detail = _numbered(_detail(record, labels.get(record.key, record.method.name)), texts)
        new = islice(texts, held, None)
        if not budget.take(len(as_json(detail)) + len(as_json(list(new)))):
            break
        found[record.key] = [detail, list(pictures.get(record.key, ()))]
    budget.left_out = len(records) - len(found)
    return {"records": found, "texts": list(texts)}


def _detail(record: Record, label: str) -> Detail:
    data = record.dataset
    facts = [
        ("key", record.key),
        ("status", record.status),
        ("reason", record.reason or ""),
        ("data set", data.name),
        ("images planned", _pairs(data.planned)),
        ("images used", _pairs(data.used)),
        ("fingerprint of the data", data.fingerprint),
        ("preset", record.preset),
        ("method", record.method.name + (" (control)" if record.method.control else "")),
        ("text encoder", record.text_encoder or ""),
        ("seed of the training", str(record.seed)),
        ("seed of the task", str(record.fit_seed)),
        ("code", record.code),
        ("created", record.created),
    ]
    metrics = list(record.metrics.items())[:MOST_METRICS]
    blocks = [
        ("arguments of the method", _plain(record.method.arguments)),
        ("arguments of the data set", _plain(data.arguments)),
        ("protocol", _plain(record.protocol | {"hash": record.protocol_hash})),
        ("environment", _plain(record.env)),
        ("traceback", _lines(record.traceback or "", LONGEST_TRACEBACK)),
    ]
    return {
        "title": f"{name(label)}: {name(record.task)} on {name(data.name)}",
        "command": cut(command_of(record), LONGEST_TRACEBACK),
        "facts": [(what, cut(value)) for what, value in facts if value],
        "metrics": [(name(key), f"{m.value:.6g}", name(m.unit), f"{m.n:,}") for key, m in metrics],
        "skipped": [(name(metric), cut(why)) for metric, why in record.skipped.items()],
        "costs": [(name(cost).replace("_", " "), _cost(value)) for cost, value in sorted(record.cost.items())],
        "warnings": [cut(warning) for warning in record.warnings],
        "files": [cut(file) for file in (f"{record.key}.json", record.per_example, *record.samples) if file],
        "blocks": [(what, text) for what, text in blocks if text],
    }


def _numbered(value: Any, texts: dict[str, int]) -> Any:
    """The same with the number of each text instead of it."""
    if isinstance(value, str):
        return texts.setdefault(value, len(texts))
    if isinstance(value, dict):
        return {key: _numbered(each, texts) for key, each in value.items()}
    return [_numbered(each, texts) for each in value]


def _in_turn(records: Sequence[Record]) -> list[Record]:
    """The first training of each cell, then the second of each, and so on."""
    seen: dict[tuple[str, ...], int] = {}
    turns = []
    for position, record in enumerate(sorted(records, key=lambda record: (record.seed, record.fit_seed))):
        arguments = json.dumps(record.method.arguments, sort_keys=True)
        cell = record.dataset.name, record.preset, record.task, record.method.name, arguments
        seen[cell] = seen.get(cell, 0) + 1
        turns.append((seen[cell], position, record))
    return [record for _, _, record in sorted(turns, key=lambda turn: turn[:2])]


def _first_value(record: Record) -> str:
    """The main metric that the task declares first, or why there is none."""
    main = [key for key in record.metrics if MetricName.parse(key).main] or list(record.metrics)
    if not main:
        return cut(record.reason or "", 60)
    first = min(main, key=lambda key: _place(record.task, key))
    measured = record.metrics[first]
    return f"{name(first)} {measured.value:.4g} {name(measured.unit)}".rstrip()


@functools.lru_cache(maxsize=2**12)
def _place(task: str, key: str) -> tuple[int, str]:
    """Where a metric stands among those that a task declares."""
    declared = metric_names(task)
    metric = MetricName.parse(key, declared).metric
    return declared.index(metric) if metric in declared else len(declared), key


def _cost(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= WHOLE else f"{value:.4g}"


def _plain(value: Mapping[str, Any]) -> str:
    return _lines(json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False), LONGEST_JSON) if value else ""


def _lines(text: str, longest: int) -> str:
    """Text of many lines, each made harmless by itself; its indentation stays."""
    lines = (line[: len(line) - len(line.lstrip(" "))] + cut(line) for line in text[:longest].splitlines())
    return "\n".join(lines) + ("\n…" if len(text) > longest else "")


def _pairs(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {split}" for split, count in sorted(counts.items()))
