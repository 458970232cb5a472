"""What an effect means, in words: one function for every table, sentence and program."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple, TypeAlias

from bench.effects.gather import Asked
from bench.effects.naming import listed, spoken
from bench.effects.rows import PooledRow, Row
from bench.leaderboard.statistics.effect import Effect

ALPHA = 0.05
POINTS = 100
"""Points of a share of 1."""

MOST_NAMES = 8
"""Of designs in a sentence."""

Code: TypeAlias = Literal["raises", "lowers", "equivalent", "raises a little", "lowers a little", "unknown"]


class Verdict(NamedTuple):
    """code: for programs; "a little" is less than the margin, "equivalent" either way. text: for people."""

    code: Code
    text: str


def verdict(effect: Effect, p: float, metric: Asked) -> Verdict:
    """Whether an effect is there (p below 5 %), is less than the margin (two one-sided tests at 5 %), both or neither.

    Args:
        p: of "there is no effect", adjusted for what else is asked.
    """
    margin = metric.margin
    small = margin is not None and effect.within(margin.size)
    if p >= ALPHA or effect.estimate == 0:
        if small and margin is not None:
            return Verdict("equivalent", f"less than {margin.shown} either way")
        return Verdict("unknown", f"cannot be told: {_could_have(effect, metric)}")
    raises = effect.estimate > 0
    word: Literal["raises", "lowers"] = "raises" if raises else "lowers"
    means = "" if metric.higher_is_better else f", which is {'worse' if raises else 'better'}"
    if small and margin is not None:
        return Verdict(
            "raises a little" if raises else "lowers a little", f"{word} it, by less than {margin.shown}{means}"
        )
    return Verdict(word, f"{word} it{means}")


def sentence(row: Row) -> str:
    """One effect in one sentence: what changes what by how much, from how many trainings, and what that means."""
    if row.effect is None or row.p is None:
        return f"what {_subject(row)} changes in {spoken(row.place.task, row.metric.name)} cannot be told: {row.why}"
    means = verdict(row.effect, row.p, row.metric).text
    return f"{_clause(row, row.effect)} ({row.with_} trainings with, {row.without} without): {means}"


def pooled_sentence(one: PooledRow) -> str:
    """One effect over bases and data sets in one sentence: the mean, where one more would lie, how unlike they are."""
    row, found = one.rows[0], one.pooled
    parts = [f"{_clause(row, found.effect)}: {verdict(found.effect, found.effect.p(), row.metric).text}"]
    if found.low is not None and found.high is not None:
        decimals = _decimals((found.high - found.low) / 2, row.metric)
        ends = [scaled(end, row.metric, decimals, sign=True) for end in (found.low, found.high)]
        parts.append(f"one more would have {' to '.join(ends)} {unit_of(row.metric)}".rstrip())
    parts.append(f"p that they are equal {p_shown(found.alike)}, I² {found.inconsistency:.0%}")
    names = [f"{row.design} in {row.title}" for row in one.rows]
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    parts.append(f"pooled over {len(names)}: {', '.join(names[:MOST_NAMES])}{more}")
    return "; ".join(parts)


def p_shown(p: float | None) -> str:
    """Two digits, and no more zeros than anybody reads."""
    return "—" if p is None else "< 0.001" if p < 0.001 else f"{p:.2g}" if p < 0.1 else f"{p:.2f}"


def change_shown(effect: Effect, metric: Asked) -> str:
    """Estimate and half of its 95 % interval, such as "-0.2 ± 0.5 points"."""
    half = effect.half_width()
    decimals = _decimals(half, metric)
    shown = f"{scaled(effect.estimate, metric, decimals, sign=True)} ± {scaled(half, metric, decimals)}"
    return f"{shown} {unit_of(metric)}".rstrip()


def error_shown(value: float | None, metric: Asked) -> str:
    """A standard error, or what could be found, in the unit that changes are shown in; a dash where it is not known."""
    if value is None or not math.isfinite(value):
        return "—"
    return scaled(value, metric, _decimals(value, metric))


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
    """One where that is enough for a digit, else as many as give two digits."""
    size = half * (POINTS if metric.share else 1)
    if not math.isfinite(size) or size == 0 or size >= 0.095:
        return 1
    return 1 - math.floor(math.log10(size))
