"""What the records prove, in ten lines at most."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from bench.effects.naming import few, listed, spoken
from bench.effects.report import incomplete_line
from bench.effects.rows import Effects, Kind, Row
from bench.effects.verdicts import Code, change_shown, verdict
from bench.leaderboard.board import Leaderboard, Section
from bench.leaderboard.ladder import Trouble, trouble
from bench.leaderboard.table import Row as TableRow
from bench.leaderboard.table import Table
from bench.records.record import BLIND
from bench.statistics.effect import Effect

LINES = 10
PLACES = 2
"""Of which a line tells what a change does there."""
STATUSES = ("ok", "skipped", "failed")
KINDS: tuple[Kind, ...] = ("loss", "all losses", "codebook use", "base")
"""What is asked, most wanted first."""
WORDS: dict[Code, str] = {
    "raises": "raises",
    "raises a little": "raises by less than the margin",
    "lowers": "lowers",
    "lowers a little": "lowers by less than the margin",
    "equivalent": "changes by less than the margin",
    "unknown": "cannot be told for",
}
"""What each kind of finding is called, surest first."""


def verdict_lines(board: Leaderboard) -> list[str]:
    """What was run, what losses of language, codebook use and the base do, what may be best, what tells nothing apart.

    Text of records is as it is; who shows it makes it harmless.
    """
    found = [line for kind in KINDS for line in _of_kind(board.effects, kind)]
    last = [*_best(board.sections), *_blind(board.sections)]
    room = LINES - 1 - len(last)
    lines = [*_untold(board.effects), *found]
    if len(lines) > room:
        lines = [*lines[: room - 1], f"{len(lines) - room + 1} more changes stand among the effects below."]
    return [_counted(board), *lines, *last]


def _counted(board: Leaderboard) -> str:
    counts = {status: sum(section.counts.get(status, 0) for section in board.sections) for status in STATUSES}
    data = _short(list(dict.fromkeys(section.title for section in board.sections)))
    methods = {r.method.name for r in board.records if r.status == "ok" and not r.method.control} - {BLIND}
    left = f"; {_many(len(board.problems), 'file')} left out" if board.problems else ""
    cells = ", ".join(f"{number:,} {status}" for status, number in counts.items())
    return f"{_many(len(methods), 'method')} on {data}; cells: {cells}{left}."


def _of_kind(effects: Effects, kind: Kind) -> list[str]:
    """A line for each change: what it does to which metric, over several designs where these say enough together."""
    enough = [one for one in effects.pooled if len(one.rows) > 2]  # two may agree by chance and look sure, or not
    pooled = {id(row) for one in enough for row in one.rows}
    changes: dict[str, list[_Finding]] = {}
    for one in enough:
        if one.rows[0].kind == kind:
            _add(changes, one.rows[0], one.effect, one.p, f"{len(one.rows)} designs")
    alone = [row for row in effects.rows if row.kind == kind and id(row) not in pooled]
    several = len({(row.title, row.design) for row in alone}) > 1
    titles = len({row.title for row in alone}) > 1
    for row in alone:
        where = f"{row.design}, {row.title}" if titles else row.design
        _add(changes, row, row.effect, row.p, where if several else "")
    return [_line(change, found) for change, found in changes.items()]


class _Finding(NamedTuple):
    """metric: as it is spoken of. change: with its interval. where: the design, "" where there is one alone."""

    code: Code
    metric: str
    change: str
    where: str


def _add(changes: dict[str, list[_Finding]], row: Row, effect: Effect | None, p: float | None, where: str) -> None:
    if effect is None or p is None:
        return
    change = f"{row.change} instead of {row.against}" if row.against else row.change
    code = verdict(effect, p, row.metric, row.kind).code
    metric = spoken(row.place.task, row.metric.name)
    changes.setdefault(change, []).append(_Finding(code, metric, change_shown(effect, row.metric), where))


def _line(change: str, found: Sequence[_Finding]) -> str:
    """A sentence for each place; for the first ones, where there are many."""
    places = dict.fromkeys(one.where for one in found)
    sentences = [_sentence(change, where, [one for one in found if one.where == where]) for where in places]
    more = [f"{len(sentences) - PLACES} more stand below."] if len(sentences) > PLACES else []
    return " ".join([*sentences[:PLACES], *more])


def _sentence(change: str, where: str, found: Sequence[_Finding]) -> str:
    of_code: dict[Code, list[str]] = {}
    for one in found:
        of_code.setdefault(one.code, []).append(f"{one.metric} ({one.change})")
    said = "; ".join(f"{WORDS[code]} {_short(of_code[code])}" for code in WORDS if code in of_code)
    return f"{change} ({where}): {said}." if where else f"{change}: {said}."


def _untold(effects: Effects) -> list[str]:
    """Why what single losses do cannot be told, where it can be told of none."""
    losses = [row for row in effects.rows if row.kind == "loss"]
    if any(row.effect for row in losses) or not (losses or effects.incomplete):
        return []
    whys = [incomplete_line(one) for one in effects.incomplete]
    whys += [f"{row.title}: {row.design}: {row.why}" for row in losses]
    return [f"What single losses of language do cannot be told: {_short(list(dict.fromkeys(whys)), '; ')}."]


def _best(sections: Sequence[Section]) -> list[str]:
    """What may be the best, task by task, and which tasks tell no method from another."""
    found, none = [], []
    for name, table in _tables(sections):
        best = [row.label for row in table.rows if _may_be_best(row, table)]
        if best and len(best) == len({row.label for row in table.rows if row.rank is not None}):
            none.append(name)
        elif best:
            found.append(f"{name}: {_short(best)}")
    lines = [f"May be the best, among equal bits: {'; '.join(found)}."] if found else []
    lines += [f"Any method may be the best in {_short(none)}."] if none else []
    return lines or ["Nothing can be called the best: that takes two methods of equal bits, one of them trained twice."]


def _blind(sections: Sequence[Section]) -> list[str]:
    """Tasks that do not put in order what one knows the order of, and those in which methods have reached the top."""
    found: dict[Trouble, list[str]] = {}
    for name, table in _tables(sections):
        if kind := trouble(table):
            found.setdefault(kind, []).append(name)
    top: dict[Trouble, str] = {"all at the top": "all methods", "some at the top": "some methods"}
    near = [f"{which} in {_short(found[kind])}" for kind, which in top.items() if kind in found]
    lines = []
    if "out of order" in found:
        wrong = _short(found["out of order"])
        lines.append(f"Controls are out of order, so that methods cannot be judged, in {wrong}.")
    if near:
        lines.append(f"Within twice the noise of identity, which quantizes nothing: {'; '.join(near)}.")
    return lines


def _tables(sections: Sequence[Section]) -> Iterator[tuple[str, Table]]:
    for section in sections:
        for table in section.tables:
            yield f"{table.title} on {section.title}" if len(sections) > 1 else table.title, table


def _may_be_best(row: TableRow, table: Table) -> bool:
    value = None if table.headline is None else row.values[table.headline]
    return value is not None and value.best


def _short(names: Sequence[str], between: str = "") -> str:
    return between.join(few(names)) if between else listed(few(names))


def _many(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
