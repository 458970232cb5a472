"""What is searched: an argument, and the values that it may take, read from NAME=SPACE."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from bench.errors import UsageError, did_you_mean
from bench.experiment.plan import PRESET

DIGITS = 4
"""Significant digits of a drawn number, so that what is printed is exactly what was tried."""
PAIRS = {"(": ")", "[": "]", "{": "}"}


@dataclass(frozen=True)
class Range:
    """Numbers from low to high; log: uniform in the logarithm. whole: whole numbers, high left out."""

    low: float
    high: float
    log: bool = False
    whole: bool = False

    def at(self, share: float) -> str:
        """The number at a share of the range, 0 <= share < 1, as `--set` takes it."""
        if self.whole:
            return str(int(self.low) + int(share * (self.high - self.low)))
        if self.log:
            return self.written(math.exp(math.log(self.low) + share * (math.log(self.high) - math.log(self.low))))
        return self.written(self.low + share * (self.high - self.low))

    def written(self, number: float) -> str:
        """A number of this range, rounded to `DIGITS`, as `--set` takes it."""
        if self.whole:
            return str(int(number))
        return repr(min(max(float(f"{number:.{DIGITS}g}"), self.low), self.high))

    def read(self, text: str) -> float:
        """The opposite of `written`."""
        return int(text) if self.whole else float(text)

    @property
    def ends(self) -> tuple[str, ...]:
        """The values that say whether all of them make sense."""
        return self.written(self.low), self.written(self.high - 1 if self.whole else self.high)


@dataclass(frozen=True)
class Choice:
    """One of these, as `--set` takes them."""

    options: tuple[str, ...]

    def at(self, share: float) -> str:
        """The option at a share of the list, 0 <= share < 1."""
        return self.options[int(share * len(self.options))]

    def written(self, option: str) -> str:
        """The option itself."""
        return option

    def read(self, text: str) -> str:
        """The option itself."""
        return text

    @property
    def ends(self) -> tuple[str, ...]:
        """All of them."""
        return self.options


Space = Range | Choice


@dataclass(frozen=True)
class Search:
    """An argument that is searched. preset: whether it is one of the preset, else of each method."""

    argument: str
    preset: bool
    space: Space

    @property
    def name(self) -> str:
        """As the command line has it."""
        return f"{PRESET}.{self.argument}" if self.preset else self.argument

    def draw(self, number: int) -> str:
        """The value of the trial of this number: the same for every method, whatever else is searched."""
        share = np.random.default_rng([number, *self.name.encode()]).random()
        return self.space.at(float(share))


def parse_search(text: str) -> Search:
    """Read "NAME=SPACE"; NAME is ARG, an argument of the method, or preset.ARG.

    Raises:
        UsageError: not of that form, an unknown kind of space, or one without values.
    """
    name, equals, space = (part.strip() for part in text.partition("="))
    owner, dot, argument = name.rpartition(".")
    if not equals or not argument.isidentifier() or (dot and owner != PRESET):
        raise UsageError(f"--search takes ARG=SPACE (of the method) or {PRESET}.ARG=SPACE, not {text!r:.80}")
    return Search(argument, bool(dot), _space(space, f"--search {text:.80}"))


def _space(text: str, where: str) -> Space:
    match = re.fullmatch(r"(\w+)\s*\((.*)\)", text, re.DOTALL)
    if match is None:
        raise UsageError(f"{where}: a space is one of {', '.join(FORMS.values())}")
    kind, arguments = match[1], _split(match[2], where)
    if kind not in KINDS:
        raise UsageError(f"{where}: unknown space {kind!r}{did_you_mean(kind, KINDS)}")
    return KINDS[kind](arguments, f"{where}: {FORMS[kind]}")


def _split(text: str, where: str) -> list[str]:
    """Split at commas, but not inside brackets or quotes, so that an option can be a tuple."""
    parts, closing, quote = [""], [""], ""
    for sign in text:
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "'\"":
            quote = sign
        elif sign in PAIRS:
            closing.append(PAIRS[sign])
        elif sign in PAIRS.values():
            if closing.pop() != sign:
                raise UsageError(f"{where}: {sign!r} closes nothing")
        elif sign == "," and len(closing) == 1:
            parts.append("")
            continue
        parts[-1] += sign
    if quote or len(closing) > 1:
        raise UsageError(f"{where}: {quote or closing[-1]!r} is missing")
    return [part.strip() for part in parts]


def _range(arguments: list[str], where: str, log: bool = False, whole: bool = False) -> Range:
    try:
        low, high = (float(int(number)) if whole else float(number) for number in arguments)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"{where} takes two {'whole ' if whole else ''}numbers, not {arguments}") from error
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise UsageError(f"{where}: the second number has to be larger, and both finite")
    if log and low <= 0:
        raise UsageError(f"{where}: both numbers have to be larger than 0")
    return Range(low, high, log, whole)


def _choice(arguments: list[str], where: str) -> Choice:
    if not all(arguments):
        raise UsageError(f"{where}: an option is empty")
    return Choice(tuple(dict.fromkeys(arguments)))


FORMS = {
    "loguniform": "loguniform(low,high)",
    "uniform": "uniform(low,high)",
    "randint": "randint(low,high)",
    "choice": "choice(x,y,...)",
}
KINDS: Mapping[str, Callable[[list[str], str], Space]] = {
    "loguniform": lambda arguments, where: _range(arguments, where, log=True),
    "uniform": _range,
    "randint": lambda arguments, where: _range(arguments, where, whole=True),
    "choice": _choice,
}
