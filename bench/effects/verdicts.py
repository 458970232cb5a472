"""What an effect means, in words: one function for every table, sentence and program."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple, TypeAlias

from bench.effects.gather import Asked
from bench.effects.naming import counted, listed, spoken
from bench.effects.rows import Kind, PooledRow, Row
from bench.statistics.effect import Effect

ALPHA = 0.05
POINTS = 100
"""Points of a share of 1."""

Code: TypeAlias = Literal["raises", "lowers", "equivalent", "raises a little", "lowers a little", "unknown"]


class Verdict(NamedTuple):
    """code: for programs; "a little" is less than the margin, "equivalent" either way. text: for people."""

    code: Code
    text: str


def verdict(effect: Effect, p: float, metric: Asked, kind: Kind = "loss") -> Verdict:
    """Whether an effect is there (p below 5 %), is less than the margin (two one-sided tests at 5 %), both or neither.

    Args:
        p: of "there is no effect", adjusted for what else is asked.
        kind: of an interaction it is said whether losses do more together than their sum.
    """
    margin = metric.margin
    small = margin is not None and effect.within(margin.size)
    if p >= ALPHA or effect.estimate == 0:
        if small and margin is not None:
            return Verdict("equivalent", f"less than {margin.shown} either way")
        return Verdict("unknown", f"cannot be told: {_could_have(effect, metric)}")
    raises = effect.estimate > 0
    code: Code = "raises" if raises else "lowers"
    word = f"{'more' if raises else 'less'} than the sum" if kind == "interaction" else f"{code} it"
    means = "" if metric.higher_is_better else f", which is {'worse' if raises else 'better'}"
    if small and margin is not None:
        little: Code = "raises a little" if raises else "lowers a little"
        return Verdict(little, f"{word}, by less than {margin.shown}{means}")
    return Verdict(code, f"{word}{means}")


def sentence(row: Row) -> str:
    """One effect in one sentence: what changes what by how much, from how many trainings, and what that means."""
    if row.effect is None or row.p is None:
        return f"what {_subject(row)} changes in {spoken(row.place.task, row.metric.name)} cannot be told: {row.why}"
    means = verdict(row.effect, row.p, row.metric, row.kind).text
    return f"{_clause(row, row.effect)} ({counted(row.with_)} with, {row.without} without): {means}"


def pooled_sentence(one: PooledRow) -> str:
    """One effect over bases and data sets in one sentence: the mean, where one more would lie, how unlike they are."""
    row, found = one.rows[0], one.pooled
    text = f"{_clause(row, one.effect)}: {verdict(one.effect, one.p, row.metric, row.kind).text}"
    unlike = f"I² {found.inconsistency:.0%}"
    if found.low is None or found.high is None:
        return f"{text} ({unlike})"
    decimals = _decimals((found.high - found.low) / 2, row.metric)
    ends = [scaled(end, row.metric, decimals, sign=True) for end in (found.low, found.high)]
    more = f"in one more {' to '.join(ends)} {unit_of(row.metric)}".rstrip()
    return f"{text} ({more}, {unlike})"


def change_shown(effect: Effect, metric: Asked) -> str:
    """Estimate and half of its 95 % interval, such as "-0.2 ± 0.5 points"."""
    half = effect.half_width()
    decimals = _decimals(half, metric)
    shown = f"{scaled(effect.estimate, metric, decimals, sign=True)} ± {scaled(half, metric, decimals)}"
    return f"{shown} {unit_of(metric)}".rstrip()


def error_shown(value: float | None, metric: Asked) -> str:
    """A standard error, or what could be found, to two digits in the unit of changes; a dash where it is not known."""
    if value is None or not math.isfinite(value):
        return "—"
    return scaled(value, metric, _two_digits(value * (POINTS if metric.share else 1)))


def unit_of(metric: Asked) -> str:
    """What changes are shown in."""
    return "points" if metric.share else metric.unit


def scaled(value: float, metric: Asked, decimals: int, sign: bool = False) -> str:
    """A number in that unit."""
    number = round(value * (POINTS if metric.share else 1), decimals) + 0.0  # adding zero turns -0.0 into 0.0
    return f"{number:{'+' if sign else ''},.{decimals}f}"


def _clause(row: Row, effect: Effect) -> str:
    """Who changes what by how much."""
    many = row.kind == "all losses" and " + " in row.change
    beyond = {"interaction": " beyond the sum", "all losses": " together" if many else ""}.get(row.kind, "")
    metric, by = spoken(row.place.task, row.metric.name), change_shown(effect, row.metric)
    return f"{_subject(row)} {'change' if many else 'changes'} {metric} by {by}{beyond}"


def _subject(row: Row) -> str:
    if row.kind == "all losses":
        return listed(row.change.split(" + "))
    ending = " as base" if row.kind == "base" else ""
    return f"{row.change} instead of {row.against}{ending}" if row.against else row.change


def _could_have(effect: Effect, metric: Asked) -> str:
    findable = effect.findable()
    if not math.isfinite(findable):
        return "nothing could have been found"
    return f"could have found {error_shown(findable, metric)} {unit_of(metric)}".rstrip()


def _decimals(half: float, metric: Asked) -> int:
    """Of points one, where that is enough for a digit; else as many as give two digits."""
    if not metric.share:
        return _two_digits(half)
    size = half * POINTS
    return 1 if not math.isfinite(size) or size == 0 or size >= 0.095 else _two_digits(size)


def _two_digits(size: float) -> int:
    """Decimals that give a number two digits."""
    if not math.isfinite(size) or size == 0:
        return 1
    return max(0, 1 - math.floor(math.log10(size)))
