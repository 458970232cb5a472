"""Effects for programs (JSON) and for papers (TeX), and all formats by name."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

from bench.effects.naming import spoken
from bench.effects.report import by_settings, by_title, incomplete_line, p_shown, to_markdown, untold
from bench.effects.rows import Effects, Incomplete, PooledRow, Row
from bench.effects.verdicts import change_shown, pooled_sentence, sentence, verdict
from bench.statistics.effect import Effect
from bench.system.markup import tex_text
from bench.system.terminal import one_line

DIGITS = 6
"""Significant ones in JSON: the last bits of a sum depend on the processor."""


def to_json(effects: Effects) -> str:
    """For programs: rows, pooled rows and designs that are not complete; numbers as measured, shares in [0, 1]."""
    fields = {
        "rows": [_row(row) for row in effects.rows],
        "pooled": [_pooled(one) for one in effects.pooled],
        "incomplete": [_incomplete(one) for one in effects.incomplete],
    }
    return json.dumps(fields, indent=1, sort_keys=True, allow_nan=False) + "\n"


def to_tex(effects: Effects) -> str:
    """For a paper: one table for each data set and preset; needs booktabs. What cannot be told is a comment."""
    lines = []
    for title, rows in by_title(effects.rows).items():
        told = [(row, row.effect, row.p) for row in rows if row.effect is not None and row.p is not None]
        if told:
            lines += [r"\begin{table}", r"\centering", rf"\caption{{Effects on {tex_text(title)}.}}"]
            lines += [r"\begin{tabular}{lllrrll}", r"\toprule"]
            lines += [_tex_line(["in", "with", "metric", "change", "$p$", "trainings", "verdict"]), r"\midrule"]
            lines += [_tex_line(_tex_cells(row, effect, p)) for row, effect, p in told]
            lines += [r"\bottomrule", r"\end{tabular}", r"\end{table}", ""]
        lines += [f"% {one_line(title)}: {one_line(line)}" for line in untold(rows)]
    for over, found in by_settings(effects.pooled).items():
        lines += [f"% {one_line(over)}: {one_line(pooled_sentence(one))}" for one in found]
    lines += [f"% not complete: {one_line(incomplete_line(one))}" for one in effects.incomplete]
    return "".join(f"{line}\n" for line in lines or ["% no effects"])


WRITERS: dict[str, Callable[[Effects], str]] = {"md": to_markdown, "json": to_json, "tex": to_tex}
"""What `--format` names."""


def rounded(value: float | None) -> float | None:
    """To six digits; None for what JSON has no number for."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.{DIGITS}g}")


def of_effect(effect: Effect) -> dict[str, float | None]:
    """An effect's numbers."""
    half = effect.half_width()
    return {
        "estimate": rounded(effect.estimate),
        "low": rounded(effect.estimate - half),
        "high": rounded(effect.estimate + half),
        "half_width": rounded(half),
        "error": rounded(effect.error),
        "error_of_trainings": rounded(effect.training),
        "error_of_images": rounded(effect.images),
        "freedom": rounded(effect.freedom),
        "findable": rounded(effect.findable()),
    }


def _row(row: Row) -> dict[str, Any]:
    effect, p = row.effect, row.p
    code = "unknown" if effect is None or p is None else verdict(effect, p, row.metric, row.kind).code
    return {
        "dataset": row.place.dataset,
        "dataset_arguments": row.place.dataset_arguments,
        "fingerprint": row.place.fingerprint,
        "preset": row.place.preset,
        "task": row.place.task,
        "protocol_hash": row.place.protocol_hash,
        "kind": row.kind,
        "design": row.design,
        "change": row.change,
        "against": row.against,
        "metric": row.metric.name,
        "unit": row.metric.unit,
        "higher_is_better": row.metric.higher_is_better,
        "margin": row.metric.margin and row.metric.margin.size,
        "effect": None if effect is None else of_effect(effect),
        "p_adjusted": rounded(p),
        "trainings_with": row.with_,
        "trainings_without": row.without,
        "pairs": row.pairs,
        "verdict": code,
        "sentence": sentence(row),
    }


def _pooled(one: PooledRow) -> dict[str, Any]:
    row, found = one.rows[0], one.pooled
    return {
        "kind": row.kind,
        "change": row.change,
        "against": row.against,
        "task": row.place.task,
        "preset": row.place.preset,
        "protocol_hash": row.place.protocol_hash,
        "metric": row.metric.name,
        "effect": of_effect(one.effect),
        "p_adjusted": rounded(one.p),
        "spread": rounded(found.spread),
        "prediction": [rounded(found.low), rounded(found.high)],
        "p_alike": rounded(found.alike),
        "inconsistency": rounded(found.inconsistency),
        "settings": [{"dataset": row.place.dataset, "title": row.title, "design": row.design} for row in one.rows],
        "verdict": verdict(one.effect, one.p, row.metric, row.kind).code,
        "sentence": pooled_sentence(one),
    }


def _incomplete(one: Incomplete) -> dict[str, Any]:
    return {
        "title": one.title,
        "design": one.design,
        "present": one.present,
        "subsets": one.subsets,
        "missing": [list(subset) for subset in one.missing],
        "ambiguous": one.ambiguous,
        "trainings": list(one.seeds),
        "tasks": list(one.tasks),
    }


def _tex_cells(row: Row, effect: Effect, p: float) -> list[str]:
    change = f"{row.change} / {row.against}" if row.against else row.change
    counts = f"{row.with_}, {row.without}"
    metric = spoken(row.place.task, row.metric.name)
    numbers = tex_text(change_shown(effect, row.metric)).replace("-", "$-$").replace("+", "$+$")
    shown = [tex_text(row.design), tex_text(change), tex_text(metric), numbers, tex_text(p_shown(p)), counts]
    return [*shown, tex_text(verdict(effect, p, row.metric, row.kind).text)]


def _tex_line(cells: list[str]) -> str:
    return " & ".join(cells) + r" \\"
