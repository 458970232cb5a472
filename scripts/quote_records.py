"""Fill pages with figures of the committed records: each stands between two comments, which readers do not see.

The first comment says what it is, the second ends it:

    questions: <!-- value task=vqa metric=accuracy method=vqgan -->0.976 ± 0.011<!-- / -->      show=mean: 0.976
    against its base <!-- value task=vqa metric=against method=lgvq -->+0.002 ± 0.006<!-- / -->
    gsa adds <!-- effect task=vqa metric=accuracy design="lgvq on vqgan" change=gsa -->+0.2 ± 0.5 points<!-- / -->
    <!-- order task=vqa -->From worst to best, ...<!-- / -->          whether controls are in the order they must have

    <!-- table task=vqa columns=accuracy,rank rows=vqgan,lgvq -->     in this order
    <!-- / -->
    <!-- effects design="lgvq on vqgan" changes=gsa,mtp rows=vqa/accuracy,captioning/cider_d -->
    <!-- / -->                       a row a metric: bold where there is an effect, italic where it is below the margin

The data set is emoji-scenes and the preset tiny unless `place=` gives another title of the leaderboard. An effect shows
its change, or with show=verdict what it means. `noise` is the table of `python -m bench noise` for what
`rows=task/metric,...` names. What docs/notebooks.md prints is printed anew.
Run it after records changed: python scripts/quote_records.py [--write]; without --write, pages that are not up to date
are named and the status is 1.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import re
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from bench.effects.naming import spoken
from bench.effects.rows import Row
from bench.effects.verdicts import change_shown, verdict
from bench.errors import BenchError
from bench.leaderboard.board import Leaderboard, render
from bench.leaderboard.markdown import to_markdown
from bench.noise.noise import FILE, read
from bench.noise.report import to_markdown as noise_table
from bench.records.record import BLIND
from bench.records.store import RecordStore
from bench.system.files import ROOT

PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
PLACE = "emoji-scenes, preset tiny"
NOTEBOOK = ROOT / "docs/notebooks.md"
RUN = re.compile(r"```python\n(.*?)```\n\n```\n(.*?)```", re.DOTALL)
"""A block of Python and what it prints."""
MARKED = re.compile(r"<!-- (\w+) ([^>]*?)-->(.*?)<!-- / -->", re.DOTALL)
ORDER = "From worst to best, "
"""How the sentence on the order of controls begins."""
UNTOLD = "—"
"""For an effect of which the records say nothing, since there are too few trainings."""


class Grid(NamedTuple):
    """A table of Markdown. place, task: the headings it stands under."""

    place: str
    task: str
    head: list[str]
    rows: list[list[str]]


class Source:
    """What figures can be taken from: the leaderboard as people read it, and the effects behind it."""

    def __init__(self, board: Leaderboard, noises: str) -> None:
        self.board = board
        self.text = to_markdown(board)
        self.grids = list(_grids(self.text))
        self.noises = next(_grids(noises)) if "| :--" in noises else None

    @cached_property
    def orders(self) -> dict[tuple[str, str], str]:
        """Place and task to what the leaderboard says of the order of controls."""
        return {where: line for where, line in _lines(self.text) if line.startswith(ORDER)}


def quoted(page: str, source: Source) -> str:
    """A page with all its figures as the records have them.

    Raises:
        BenchError: a comment asks for what there is not, or stands where Markdown would take its line for HTML.
    """

    def figure(match: re.Match[str]) -> str:
        name, asked, present = match.groups()
        words = dict(word.partition("=")[::2] for word in shlex.split(asked))
        begin = f"{match[0][:80]!r}"
        if name not in KINDS:
            raise BenchError(f"{begin}: there is no {name!r}; there are {', '.join(KINDS)}")
        kind = KINDS[name]
        if words.keys() - {"place", "show"} != kind.words:
            raise BenchError(f"{begin}: {name} takes {', '.join(sorted(kind.words))}, and not {', '.join(words)}")
        if words.get("show", kind.show) != kind.show:
            raise BenchError(f"{begin}: show can be {kind.show or 'nothing'}")
        if "<!--" in present:
            raise BenchError(f"{begin}: lacks its <!-- / -->")
        if not kind.block and page[: match.start()].rpartition("\n")[2].strip() in ("", "-", "*"):
            raise BenchError(f"{begin}: a line cannot begin with a figure")
        try:
            text = kind.make(words, source)
        except KeyError as error:
            raise BenchError(f"{begin}: {error.args[0]!r} is not there") from error
        return f"<!-- {name} {asked}-->{text}<!-- / -->"

    found = MARKED.sub(figure, page)
    if left := re.search(r"<!--.{0,80}", MARKED.sub("", page)):
        raise BenchError(f"{left[0]!r}: is none of these comments, or lacks its other half")
    return found


def with_outputs(page: str) -> str:
    """A page whose blocks of Python are followed by what they print, one after the other, from the project's folder."""
    names: dict[str, object] = {}

    def printed(match: re.Match[str]) -> str:
        output = io.StringIO()
        with contextlib.chdir(ROOT), contextlib.redirect_stdout(output):
            exec(match[1], names)
        lines = "".join(f"{line.rstrip()}\n" for line in output.getvalue().splitlines())
        return f"```python\n{match[1]}```\n\n```\n{lines}```"

    return RUN.sub(printed, page)


def _value(words: Mapping[str, str], source: Source) -> str:
    """A cell of the leaderboard without its bold face."""
    place, task, method, metric = words.get("place", PLACE), words["task"], words["method"], words["metric"]
    for grid in source.grids:
        names = [_metric(head) for head in grid.head]
        if (grid.place, grid.task) == (place, task) and metric in names:
            for row in grid.rows:
                if _method(row[0]) == method:
                    text = row[names.index(metric)].replace("*", "")
                    return text.split()[0] if words.get("show") == "mean" else text
    raise KeyError(f"{place}: {task} {metric} of {method}")


def _effect(words: Mapping[str, str], source: Source) -> str:
    row = _row(words, source)
    if row.effect is None or row.p is None:
        return UNTOLD
    if words.get("show") == "verdict":
        return verdict(row.effect, row.p, row.metric, row.kind).text
    return change_shown(row.effect, row.metric)


def _effects(words: Mapping[str, str], source: Source) -> str:
    changes = words["changes"].split(",")
    lines = []
    for metric in words["rows"].split(","):
        task, _, name = metric.partition("/")
        cells = []
        for change in changes:
            asked = {**words, "task": task, "metric": name, "change": change}
            face = _face(_row(asked, source))
            cells.append(f"{face}{_effect(asked, source)}{face}")
        lines.append([spoken(task, name), *cells])
    return _block([["", *changes], *lines], 1)


def _face(row: Row) -> str:
    """What Markdown puts around an effect: bold where there is one, italic where it is below the margin."""
    if row.effect is None or row.p is None:
        return ""
    return {"unknown": "", "equivalent": "*"}.get(verdict(row.effect, row.p, row.metric, row.kind).code, "**")


def _row(words: Mapping[str, str], source: Source) -> Row:
    asked = (words.get("place", PLACE), words["task"], words["metric"], words["design"], words["change"])
    for row in source.board.effects.rows:
        if (row.title, row.place.task, row.metric.name, row.design, row.change) == asked:
            return row
    raise KeyError(" ".join(asked))


def _order(words: Mapping[str, str], source: Source) -> str:
    return source.orders[words.get("place", PLACE), words["task"]]


def _table(words: Mapping[str, str], source: Source) -> str:
    """Columns and rows in the order that is asked for."""
    asked = words["columns"].split(",")
    grids = [g for g in source.grids if (g.place, g.task) == (words.get("place", PLACE), words["task"])]
    heads: dict[str, str] = {}
    methods: dict[str, str] = {}
    cells: dict[tuple[str, str], str] = {}
    for grid in reversed(grids):  # what stands in several tables is taken from the first
        heads |= {_metric(head): head for head in grid.head}
        methods |= {_method(row[0]): row[0].split(" [")[0] for row in grid.rows}
        cells |= {
            (_method(row[0]), _metric(head)): text
            for row in grid.rows
            for head, text in zip(grid.head, row, strict=True)
        }
    rows = [[methods[method], *(cells[method, name] for name in asked)] for method in words["rows"].split(",")]
    return _block([["method", *(heads[name] for name in asked)], *rows], 1)


def _noise(words: Mapping[str, str], source: Source) -> str:
    grid = source.noises
    if grid is None:
        raise KeyError(FILE)
    by_metric = {f"{row[0]}/{row[1].split(' (')[0]}": row for row in grid.rows}
    return _block([grid.head, *(by_metric[name] for name in words["rows"].split(","))], 2)


class Kind(NamedTuple):
    """make: its text, from what is asked. words: what it is asked by. show: what `show=` may be. block: of lines."""

    make: Callable[[Mapping[str, str], Source], str]
    words: frozenset[str]
    show: str = ""
    block: bool = False


KINDS = {
    "value": Kind(_value, frozenset({"task", "metric", "method"}), show="mean"),
    "effect": Kind(_effect, frozenset({"task", "metric", "design", "change"}), show="verdict"),
    "effects": Kind(_effects, frozenset({"design", "changes", "rows"}), block=True),
    "order": Kind(_order, frozenset({"task"})),
    "table": Kind(_table, frozenset({"task", "columns", "rows"}), block=True),
    "noise": Kind(_noise, frozenset({"rows"}), block=True),
}


def _lines(text: str) -> Iterator[tuple[tuple[str, str], str]]:
    """Place and task of each line, by the headings above it."""
    place = task = ""
    for line in text.splitlines():
        if line.startswith("## "):
            place, task = line[3:], ""
        elif line.startswith("### "):
            task = line[4:]
        else:
            yield (place, task), line


def _grids(text: str) -> Iterator[Grid]:
    """All tables of a page."""
    table: list[list[str]] = []
    last = ("", "")
    for where, line in (*_lines(text), (("", ""), "")):
        if line.startswith("| "):
            table.append([cell.strip() for cell in line.strip("| ").split(" | ")])
        elif table:
            yield Grid(*last, table[0], table[2:])
            table = []
        last = where


def _metric(head: str) -> str:
    """A column's name without arrow and unit; "against" whatever it is against."""
    return re.sub(r" (?:[↑↓]|\().*", "", head).removesuffix(" vqgan")


def _method(cell: str) -> str:
    """A row's name without its face and footnotes; "blind" whatever the baseline is."""
    name = cell.replace("*", "").split(" [")[0]
    return BLIND if name.startswith(f"{BLIND} (") else name


def _block(rows: Sequence[Sequence[str]], texts: int) -> str:
    """A table on lines of its own; the first columns are texts."""
    rule = [":--"] * texts + ["--:"] * (len(rows[0]) - texts)
    return "\n" + "".join(f"| {' | '.join(cells)} |\n" for cells in (rows[0], rule, *rows[1:]))


def source_of(results: Path) -> Source:
    """What is known of a folder of records."""
    store = RecordStore(results)
    return Source(render(store.all().records, store), noise_table(read(results / FILE)))


def main() -> None:
    """Say which pages are out of date, and with --write bring them up to date."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    source, outdated = source_of(ROOT / "results"), False
    for page in PAGES:
        present = page.read_text(encoding="utf-8")
        try:
            wanted = quoted(with_outputs(present) if page == NOTEBOOK else present, source)
        except BenchError as error:
            sys.exit(f"{page.relative_to(ROOT)}: {error}")
        if wanted == present:
            continue
        outdated = True
        print(f"{page.relative_to(ROOT)} {'is brought' if given.write else 'is not'} up to date")
        if given.write:
            page.write_text(wanted, encoding="utf-8")
    sys.exit(1 if outdated and not given.write else 0)


if __name__ == "__main__":
    main()
