"""The leaderboard as TeX, for papers, and as CSV and JSON, for programs; and whether a file is up to date."""

from __future__ import annotations

import csv
import difflib
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench.leaderboard.board import Leaderboard
from bench.leaderboard.comparison import Cell
from bench.leaderboard.markdown import EMPTY, decimals_of, heading, parts_of, shown, to_markdown
from bench.leaderboard.tables import Table

LONG = (
    "dataset", "preset", "task", "method", "arguments", "text_encoder", "seed", "status", "reason",
    "metric", "value", "n", "higher_is_better", "unit", "protocol_hash", "code", "key",
)  # fmt: skip

TEX = {"±": r"$\pm$", "↑": r"$\uparrow$", "↓": r"$\downarrow$", "—": "---", "\\": r"\textbackslash{}"}
TEX |= {mark: f"\\{mark}" for mark in "&%$#_{}"} | {"~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}


def to_tex(board: Leaderboard) -> str:
    """For a paper: one table a task with its main metrics, bold and intervals as in Markdown; needs booktabs."""
    lines = [] if board.sections else [f"% {EMPTY}"]
    for section in board.sections:
        for table in section.tables:
            columns = parts_of(table)[0]
            caption = f"{table.title} on {section.title}, protocol {table.protocol[:8]}."
            lines += [r"\begin{table}", r"\centering", rf"\caption{{{_tex(caption)}}}"]
            lines += [rf"\begin{{tabular}}{{l{'r' * len(columns)}}}", r"\toprule"]
            lines += [_tex_row(["method", *(_tex(heading(table.columns[i])) for i in columns)]), r"\midrule"]
            for row in table.rows:
                label = rf"\emph{{{_tex(row.label)}}}" if row.reference else _tex(row.label)
                lines.append(_tex_row([label, *(_tex_cell(row.cells[i], decimals_of(table, i)) for i in columns)]))
            lines += [r"\bottomrule", r"\end{tabular}", r"\end{table}", ""]
    return "\n".join(lines) + "\n"


def to_csv(board: Leaderboard) -> str:
    """For programs: one row for each record and metric; a record without values has one row that says why."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(LONG), lineterminator="\n")
    writer.writeheader()
    writer.writerows(_long(board))
    return text.getvalue()


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
        }
        for section in board.sections
    ]
    return json.dumps({"records": list(_long(board)), "sections": sections}, indent=1, sort_keys=True) + "\n"


WRITERS: dict[str, Callable[[Leaderboard], str]] = {
    "md": to_markdown,
    "csv": to_csv,
    "json": to_json,
    "tex": to_tex,
}
"""What `--format` names."""


def differences(text: str, path: Path) -> list[str]:
    """How a file differs from the text that belongs in it: unified diff lines, none if it is up to date."""
    try:
        found = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        found = ""
    except UnicodeDecodeError:
        return [f"{path} is not text"]
    lines = difflib.unified_diff(found.splitlines(), text.splitlines(), str(path), "from the records", "", "", 0)
    return list(lines) or ([] if found == text else [f"{path} differs in line ends only"])


def _long(board: Leaderboard) -> Iterator[dict[str, Any]]:
    for record in board.records:
        shared: dict[str, Any] = {
            "dataset": record.dataset.name,
            "preset": record.preset,
            "task": record.task,
            "method": record.method.name,
            "arguments": json.dumps(record.method.arguments, sort_keys=True),
            "text_encoder": record.text_encoder,
            "seed": record.seed,
            "status": record.status,
            "reason": record.reason,
            "protocol_hash": record.protocol_hash,
            "code": record.code,
            "key": record.key,
        }
        for name, measured in sorted(record.metrics.items()):
            yield shared | {"metric": name} | measured.model_dump()
        if not record.metrics:
            yield dict.fromkeys(LONG) | shared


def _as_json(table: Table) -> dict[str, Any]:
    rows = [
        {
            "method": row.label,
            "reference": row.reference,
            "notes": row.notes,
            "metrics": {
                column.name: {
                    "mean": cell.estimate.mean,
                    "half_width": _rounded(cell.estimate.half_width),
                    "over": cell.over,
                    "n": cell.n,
                    "seeds": cell.seeds,
                    "tied_with_best": cell.tied,
                }
                for column, cell in zip(table.columns, row.cells, strict=True)
                if cell is not None
            },
        }
        for row in table.rows
    ]
    return {"task": table.title, "protocol_hash": table.protocol, "differs": table.differs, "rows": rows}


def _rounded(value: float | None) -> float | None:
    """To six digits: the last bits of a sum over examples depend on the processor."""
    return None if value is None else float(f"{value:.6g}")


def _tex_row(cells: list[str]) -> str:
    return " & ".join(cells) + r" \\"


def _tex_cell(cell: Cell | None, decimals: int) -> str:
    text = _tex(shown(cell, decimals))
    return rf"\textbf{{{text}}}" if cell is not None and cell.tied else text


def _tex(text: str) -> str:
    return "".join(TEX.get(mark, mark) for mark in " ".join(text.split()))
