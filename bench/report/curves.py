"""How codebooks are used, what their codes look like, and how trainings went: of the records that hold it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any, TypeGuard

from bench.records.record import Record
from bench.records.store import RecordStore
from bench.report.places import Place
from bench.report.plots import Plot
from bench.report.text import name
from bench.system import untrusted

USAGE, TRAINING = "usage.json", "training.json"
MAX_BYTES = 2**18
MOST_METHODS = 12
"""Lines of a plot: as many as there are colours and dashes to tell apart."""
MOST_POINTS = 256
"""Of a line."""


def usage_plot(place: Place, store: RecordStore) -> Plot | None:
    """How often codes are chosen, most used first, of each method and level; None where no record says so."""
    choices: dict[str, list[Plot]] = {}
    for label, content in _contents(place, store, USAGE).items():
        levels = _list(content.get("levels"))
        for number, level in enumerate(levels):
            series = _used(label, level)
            if series is not None:
                title = "all codes" if len(levels) == 1 else f"level {number + 1}"
                choices.setdefault(title, []).append(series)
    return _lines(choices, "share of the codes, most used first", "use, as a multiple of even use", log=True)


def training_plot(place: Place, store: RecordStore) -> Plot | None:
    """Each loss over the training, of each method; None where no record has them."""
    choices: dict[str, list[Plot]] = {}
    for label, content in _contents(place, store, TRAINING).items():
        losses = content.get("losses")
        for loss, values in losses.items() if isinstance(losses, dict) else ():
            if isinstance(values, list) and 1 < len(values) <= MOST_POINTS and all(map(_number_or_none, values)):
                x = [round((i + 1) / len(values), 4) for i in range(len(values))]
                choices.setdefault(name(loss), []).append({"label": name(label), "x": x, "y": values})
    return _lines(choices, "share of the training", "loss", log=False)


def _contents(place: Place, store: RecordStore, file: str) -> dict[str, Mapping[str, Any]]:
    """What the records of a place hold under this name, by label, of the lowest seed; what is broken is passed over."""
    found: dict[str, Mapping[str, Any]] = {}
    for record in _by_seed(record for record in place.records if f"{record.key}/{file}" in record.samples):
        label = place.label(record)
        if label in found:
            continue
        try:
            content = json.loads(untrusted.read(store.path_of(record).with_suffix("") / file, MAX_BYTES))
        except (OSError, ValueError, RecursionError):
            continue
        if isinstance(content, dict):
            found[label] = content
    return found


def _used(label: str, level: Any) -> Plot | None:
    """Shares of the tokens, relative to even use, of codes in order of use, at a few places.

    level: see `bench.tasks.parts.codebook_samples.usage_json`.
    """
    if not isinstance(level, dict):
        return None
    counts, codes, tokens = _list(level.get("counts")), level.get("codes"), level.get("tokens")
    if not (_whole(codes) and _whole(tokens) and 1 < len(counts) <= codes):
        return None
    if not all(isinstance(count, int) and 0 <= count <= tokens for count in counts):
        return None
    places = sorted({round(i * (len(counts) - 1) / (MOST_POINTS - 1)) for i in range(MOST_POINTS)})
    return {
        "label": name(label),
        "x": [round((1 + i * (codes - 1) / (len(counts) - 1)) / codes, 6) for i in places],
        "y": [round(counts[i] * codes / tokens, 4) for i in places],
    }


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _whole(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and 0 < value < 2**53


def _lines(choices: Mapping[str, list[Plot]], x: str, y: str, log: bool) -> Plot | None:
    if not choices:
        return None
    return {
        "kind": "lines",
        "choices": [{"title": title, "series": series[:MOST_METHODS]} for title, series in choices.items()],
        "x": x,
        "y": y,
        "log": log,
        "left_out": max(0, max(map(len, choices.values())) - MOST_METHODS),
    }


def _number_or_none(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and math.isfinite(value))


def _by_seed(records: Iterable[Record]) -> list[Record]:
    return sorted(records, key=lambda record: (record.seed, record.fit_seed, record.key))
