"""The leaderboard as TeX, for papers, as CSV, Parquet and JSON, for programs; and whether a file is up to date."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.leaderboard.board import Leaderboard
from bench.leaderboard.comparison import TableValue
from bench.leaderboard.markdown import (
    EMPTY,
    HASH_DIGITS,
    decimals_of,
    heading,
    parts_of,
    rate_shown,
    shown,
    to_markdown,
)
from bench.leaderboard.tables import Table
from bench.records.frame import to_frame
from bench.system.terminal import visible

TEX = {"±": r"$\pm$", "↑": r"$\uparrow$", "↓": r"$\downarrow$", "—": "---", "\\": r"\textbackslash{}"}
TEX |= {mark: f"\\{mark}" for mark in "&%$#_{}"} | {"~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
RATED = ("bits", "tokens")
"""Columns after the metrics: at a position, of an image."""
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""Beginnings of cells that spreadsheets work out."""


def to_tex(board: Leaderboard) -> str:
    """For a paper: one table a task with its main metrics, bold and intervals as in Markdown; needs booktabs."""
    lines = [] if board.sections else [f"% {EMPTY}"]
    for section in board.sections:
        for table in section.tables:
            columns = parts_of(table)[0]
            rated = RATED if any(row.rate is not None for row in table.rows) else ()
            caption = f"{table.title} on {section.title}, protocol {table.protocol[:HASH_DIGITS]}."
            lines += [r"\begin{table}", r"\centering", rf"\caption{{{_tex(caption)}}}"]
            lines += [rf"\begin{{tabular}}{{l{'r' * (len(columns) + len(rated))}}}", r"\toprule"]
            lines += [_tex_row(["method", *(_tex(heading(table.columns[i])) for i in columns), *rated]), r"\midrule"]
            for row in table.rows:
                label = rf"\emph{{{_tex(row.label)}}}" if row.reference else _tex(row.label)
                values = [_tex_value(row.values[i], decimals_of(table, i)) for i in columns]
                lines.append(_tex_row([label, *values, *(map(_tex, rate_shown(row)) if rated else ())]))
            lines += [r"\bottomrule", r"\end{tabular}", r"\end{table}", ""]
    return "\n".join(lines) + "\n"


def to_csv(board: Leaderboard) -> str:
    """For programs: one row for each record and metric, see `bench.records.frame.to_frame`.

    Text that a spreadsheet would take for a formula has an apostrophe before it, which spreadsheets do not show.
    """
    frame = to_frame(board.records)
    texts: list[str] = frame.select_dtypes("string").columns.tolist()
    frame[texts] = frame[texts].map(lambda text: f"'{text}" if text.startswith(FORMULA) else text, na_action="ignore")
    return frame.to_csv(index=False, lineterminator="\n")


def to_parquet(board: Leaderboard) -> bytes:
    """For programs: the rows of the CSV, with their types."""
    return to_frame(board.records).to_parquet(index=False)


def to_json(board: Leaderboard) -> str:
    """For programs: the rows of the CSV, and the tables and ranks of the Markdown."""
    sections = [
        {
            "dataset": section.dataset,
            "preset": section.preset,
            "title": section.title,
            "images": section.images,
            "ranked_by": {task: column.name for task, column in section.ranked_by},
            "ranks": [{"method": rank.label, "mean": rank.mean, "of_tasks": rank.of_tasks} for rank in section.ranks],
            "tables": [_as_json(table) for table in section.tables],
            "apart": section.apart,
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
            "metrics": {
                column.name: {
                    "mean": value.estimate.mean,
                    "half_width": _rounded(value.estimate.half_width),
                    "over": value.over,
                    "n": value.n,
                    "seeds": value.seeds,
                    "tied_with_best": value.tied,
                }
                for column, value in zip(table.columns, row.values, strict=True)
                if value is not None
            },
        }
        for row in table.rows
    ]
    return {"task": table.title, "protocol_hash": table.protocol, "differs": table.differs, "rows": rows}


def _rounded(value: float | None) -> float | None:
    """To six digits: the last bits of a sum over examples depend on the processor."""
    return None if value is None else float(f"{value:.6g}")


def _tex_row(texts: list[str]) -> str:
    return " & ".join(texts) + r" \\"


def _tex_value(value: TableValue | None, decimals: int) -> str:
    text = _tex(shown(value, decimals))
    return rf"\textbf{{{text}}}" if value is not None and value.tied else text


def _tex(text: str) -> str:
    """Text on one line, with the characters that TeX or a terminal would act on made harmless."""
    return "".join(TEX.get(mark, mark) for mark in visible(" ".join(text.split())))
