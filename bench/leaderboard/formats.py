"""The leaderboard as TeX, for papers, as CSV, Parquet and JSON, for programs; and whether a file is up to date."""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.leaderboard.board import Leaderboard
from bench.leaderboard.cells import HASH_DIGITS, decimals_of, difference_shown, heading, rank_shown, rate_shown, shown
from bench.leaderboard.markdown import EMPTY, to_markdown
from bench.leaderboard.table import Row, Table
from bench.records import export
from bench.records.frame import to_frame
from bench.statistics.effect import Effect
from bench.system.markup import tex_text


def to_tex(board: Leaderboard) -> str:
    """For a paper: the small table of each task, bold and intervals as in Markdown; needs booktabs."""
    lines = [] if board.sections else [f"% {EMPTY}"]
    for section in board.sections:
        for table in section.tables:
            if table.headline is None:
                continue
            column = table.columns[table.headline]
            caption = f"{table.title} on {section.title}, protocol {table.protocol[:HASH_DIGITS]}."
            lines += [r"\begin{table}", r"\centering", rf"\caption{{{tex_text(caption)}}}"]
            lines += [r"\begin{tabular}{lrrrrr}", r"\toprule"]
            lines += [_tex_row(["method", tex_text(heading(column)), "against", "rank", "bits", "seeds"]), r"\midrule"]
            lines += [
                _tex_row(_tex_cells(row, table.headline, decimals_of(table, table.headline))) for row in table.rows
            ]
            lines += [r"\bottomrule", r"\end{tabular}", r"\end{table}", ""]
    return "\n".join(lines) + "\n"


def to_csv(board: Leaderboard) -> str:
    """For programs: the records that the leaderboard shows, see `bench.records.export`."""
    return export.to_csv(board.records)


def to_parquet(board: Leaderboard) -> bytes:
    """For programs: the rows of the CSV, with their types."""
    return export.to_parquet(board.records)


def to_json(board: Leaderboard) -> str:
    """For programs: the rows of the CSV, and the tables of the Markdown."""
    sections = [
        {
            "dataset": section.dataset,
            "preset": section.preset,
            "title": section.title,
            "images": section.images,
            "cells": section.counts,
            "tables": [_as_json(table) for table in section.tables],
            "rates": None if section.rates is None else _as_json(section.rates),
        }
        for section in board.sections
    ]
    frame = to_frame(board.records)
    records = frame.astype(object).where(frame.notna(), None).to_dict("records")  # JSON has null for NaN and NA
    return json.dumps({"records": records, "sections": sections}, indent=1, sort_keys=True) + "\n"


WRITERS: dict[str, Callable[[Leaderboard], str]] = {
    "md": to_markdown,
    "csv": to_csv,
    "json": to_json,
    "tex": to_tex,
}
"""What `--format` names, but for `parquet`, which is not text."""


def differences(text: str, path: Path) -> list[str]:
    """How a file differs from the text that belongs in it: unified diff lines, none if it is up to date."""
    try:
        present = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        present = ""
    except UnicodeDecodeError:
        return [f"{path} is not text"]
    lines = difflib.unified_diff(present.splitlines(), text.splitlines(), str(path), "from the records", n=0)
    return list(lines) or ([] if present == text else [f"{path} differs in line ends only"])


def _as_json(table: Table) -> dict[str, Any]:
    rows = [
        {
            "method": row.label,
            "reference": row.reference,
            "notes": row.notes,
            "bits_per_position": row.rate and row.rate.bits,
            "tokens_per_image": row.rate and row.rate.tokens,
            "against": row.base,
            "difference": None if row.difference is None else _effect(row.difference),
            "rank": row.rank,
            "metrics": {
                column.name: {
                    "mean": value.mean,
                    "low": _rounded(value.low),
                    "high": _rounded(value.high),
                    "over": value.over,
                    "n": value.n,
                    "seeds": value.seeds,
                    "may_be_best": value.best,
                }
                for column, value in zip(table.columns, row.values, strict=True)
                if value is not None
            },
        }
        for row in table.rows
    ]
    return {"task": table.title, "protocol_hash": table.protocol, "differs": table.differs, "rows": rows}


def _effect(found: Effect) -> dict[str, float | None]:
    """The estimate, half of its interval, and the standard errors of its parts."""
    half, parts = found.half_width(), {"training_error": found.training, "image_error": found.images}
    fields = {"estimate": found.estimate, "half_width": half if math.isfinite(half) else None, **parts}
    return {name: _rounded(value) for name, value in fields.items()}


def _rounded(value: float | None) -> float | None:
    """To six digits: the last bits of a sum over examples depend on the processor."""
    return None if value is None else float(f"{value:.6g}")


def _tex_cells(row: Row, headline: int, decimals: int) -> list[str]:
    label = rf"\emph{{{tex_text(row.label)}}}" if row.reference else tex_text(row.label)
    value = row.values[headline]
    text = tex_text(shown(value, decimals))
    texts = [difference_shown(row.difference, decimals), rank_shown(row.rank), rate_shown(row.rate)]
    seeds = "---" if value is None else str(value.seeds)
    best = value is not None and value.best
    return [label, rf"\textbf{{{text}}}" if best else text, *map(tex_text, texts), seeds]


def _tex_row(texts: list[str]) -> str:
    return " & ".join(texts) + r" \\"
