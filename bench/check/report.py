"""What comes of a check: one line for each duty of each plug-in, and a last line with their number."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Literal, NamedTuple, TypeVar

from bench.errors import BenchError, DataError
from bench.system.terminal import visible

S = TypeVar("S")
Status = Literal["ok", "FAIL", "skip"]


class NotAsked(Exception):
    """A duty does not concern this plug-in, or cannot be asked on this machine; the text says why."""


@dataclass(frozen=True)
class Duty(Generic[S]):
    """Something that a contract asks of a plug-in.

    text: what is asked, as a sentence without its subject: "builds at preset smoke".
    ask: raises where the plug-in does not do it (`ContractError`, or whatever its code raises), `NotAsked` where it
        need not. What it returns is a remark on a duty that is kept.
    first: whether nothing that follows can be asked of a plug-in that does not do this.
    """

    text: str
    ask: Callable[[S], str | None]
    first: bool = False


class Line(NamedTuple):
    """What came of one duty. plugin: kind and name, "method vqgan"; empty for the file itself."""

    status: Status
    plugin: str
    text: str

    def __str__(self) -> str:
        return f"{self.status:<4}  {self.plugin + ': ' if self.plugin else ''}{self.text}"


@dataclass(frozen=True)
class Report:
    """All that a check of a file says."""

    file: Path
    answers: tuple[Line, ...]

    @property
    def sound(self) -> bool:
        """Whether no duty was broken; one that was not asked is not broken."""
        return not self._count("FAIL")

    @property
    def lines(self) -> list[str]:
        """One line a duty, and one with their number."""
        counts = f"{self._count('ok')} ok, {self._count('FAIL')} failed, {self._count('skip')} skipped"
        verdict = "keeps its contract" if self.sound else "does not keep its contract"
        return [visible(line) for line in (*map(str, self.answers), f"{counts}: {self.file.name} {verdict}")]

    def _count(self, status: Status) -> int:
        return sum(line.status == status for line in self.answers)


def hold(plugin: str, path: Path, subject: S, duties: Sequence[Duty[S]]) -> list[Line]:
    """Ask duties in turn.

    Args:
        plugin: kind and name, for the lines.
        path: the plug-in's file; a line on an exception says where in it.
        subject: what the duties are asked of.
        duties: those after a broken `first` one are left out, with one line that says so.
    """
    lines = []
    for number, duty in enumerate(duties, 1):
        line = _answer(plugin, path, subject, duty)
        lines.append(line)
        if duty.first and line.status != "ok":
            if number < len(duties):
                lines.append(Line("skip", plugin, f"{len(duties) - number} more duties, which need this one"))
            break
    return lines


def _answer(plugin: str, path: Path, subject: S, duty: Duty[S]) -> Line:
    try:
        remark = duty.ask(subject)
    except (NotAsked, DataError) as why:  # weights or files that are not on this machine break no contract
        return Line("skip", plugin, f"{duty.text}: {one_line(why)}")
    except Exception as error:
        return Line("FAIL", plugin, f"{duty.text}: {problem(error, path)}")
    return Line("ok", plugin, f"{duty.text} ({remark})" if remark else duty.text)


def problem(error: Exception, path: Path) -> str:
    """An exception in one line; where it is none of the project's own, with its type and the plug-in's line."""
    if isinstance(error, BenchError):
        return one_line(error)
    numbers = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename) == path]
    place = f" ({path.name}, line {numbers[-1]})" if numbers else ""
    return f"{type(error).__name__}: {one_line(error)}{place}"


def one_line(error: Exception) -> str:
    """An exception's text without line breaks."""
    return " ".join(str(error).split())
