"""What came of a search, out of the records: a table a study, and the best as a line for `--set`."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from bench.records.record import Record
from bench.system.terminal import one_line
from bench.tuning.target import Target
from bench.tuning.trials import WHOLE, Study, Trial, Tuning


class Row(NamedTuple):
    """How far a trial came. whole: whether its training had all steps. value: None where it failed; reason: why."""

    trial: Trial
    steps: int
    whole: bool
    value: float | None
    reason: str
    keys: list[str]


def rows(tuning: Tuning, trials: Sequence[Trial], records: Mapping[str, Record]) -> dict[Study, list[Row]]:
    """The trials of each study, best first: longer trainings before shorter ones, failures last.

    Args:
        tuning: what was asked for.
        trials: those that were begun.
        records: of their cells, by key.
    """
    sign = -1 if tuning.target.higher_is_better else 1

    def place(row: Row) -> tuple[bool, int, float, int]:
        return row.value is None, -row.steps, sign * (row.value or 0.0), row.trial.number

    found = [_row(tuning, trial, records) for trial in trials]
    return {study: sorted((r for r in found if r.trial.study == study), key=place) for study in tuning.studies}


def best(of_study: Sequence[Row]) -> Row | None:
    """The best of those that were trained with all steps, if there is one; `of_study` is sorted."""
    return next((row for row in of_study if row.whole and row.value is not None), None)


def _row(tuning: Tuning, trial: Trial, records: Mapping[str, Record]) -> Row:
    """Of the last rung that has records of all its cells."""
    for rung in reversed(trial.rungs):
        here = [records[cell.key] for cell in rung.cells if cell.key in records]
        if len(here) == len(rung.cells):
            value, reason = tuning.target.value(here)
            return Row(trial, rung.steps, rung.quarters == WHOLE, value, reason, [record.key for record in here])
    return Row(trial, trial.rungs[0].steps, False, None, "not run", [])


def settings(tuning: Tuning, row: Row) -> list[str]:
    """A trial's values as `--set` takes them."""
    return ["{}.{}={}".format(*setting) for setting in tuning.settings(row.trial.study.method, row.trial.values)]


def as_text(tuning: Tuning, found: Mapping[Study, Sequence[Row]]) -> str:
    """A table of trials for each study, and last a line for each with its best."""
    several = len({study.dataset for study in found}) > 1
    tables = [_table(tuning, study, of_study) for study, of_study in found.items()]
    lines = []
    for study, of_study in found.items():
        top, what = best(of_study), "no trial has a value"
        if top is not None and top.value is not None:
            said = " ".join(f"--set {shlex.quote(text)}" for text in settings(tuning, top))
            what = f"{with_unit(tuning.target, top.value)} at {said}"
        lines.append(f"{study.method} on {study.dataset}: {what}" if several else f"{study.method}: {what}")
    return "\n\n".join([*tables, "\n".join(lines)])


def as_json(tuning: Tuning, found: Mapping[Study, Sequence[Row]]) -> str:
    """The same as JSON."""
    request, target = tuning.request, tuning.target
    what = {"task": request.tasks[0], "preset": request.preset, "seeds": list(request.seeds)}
    studies = [
        {
            "method": study.method,
            "dataset": study.dataset,
            "trials": [_plain(tuning, row) for row in of_study],
            "best": _plain(tuning, top) if (top := best(of_study)) else None,
        }
        for study, of_study in found.items()
    ]
    return json.dumps(what | {"metric": target._asdict(), "studies": studies}, indent=1)


def _plain(tuning: Tuning, row: Row) -> dict[str, Any]:
    fields = {"trial": row.trial.number + 1, "set": settings(tuning, row), "steps": row.steps}
    return fields | {"value": row.value, "reason": row.reason or None, "keys": row.keys}


def _table(tuning: Tuning, study: Study, of_study: Sequence[Row]) -> str:
    target = tuning.target
    better = "higher" if target.higher_is_better else "lower"
    unit = f"{target.unit}, " if target.unit else ""
    head = f"{study.method} on {study.dataset}, {tuning.request.tasks[0]}: {target.name} ({unit}{better} is better)"
    names = ["trial", "steps", target.name, *(search.name for search in tuning.searches)]
    cells = [
        [str(row.trial.number + 1), str(row.steps), "-" if row.value is None else f"{row.value:.4g}", *row.trial.values]
        for row in of_study
    ]
    widths = [max(map(len, column)) for column in zip(names, *cells, strict=True)]
    lines = [head, _line(names, widths)]
    lines += [
        _line(line, widths) + f"  {one_line(row.reason)}".rstrip() for line, row in zip(cells, of_study, strict=True)
    ]
    return "\n".join(lines)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.rjust(width) for cell, width in zip(cells, widths, strict=True))


def with_unit(target: Target, value: float) -> str:
    """A value as a person reads it."""
    return f"{target.name} {value:.4g} {target.unit}".rstrip()
