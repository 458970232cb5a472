"""What a data set's files hold that cannot be used, and how that is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """What is wrong. The value is the line that records and the terminal show, with the number of times."""

    IMAGE = "an image or mask that is missing, broken or too large"
    INCOMPLETE = "an example without its image, captions, questions or boxes"
    ANNOTATION = "an annotation that cannot be read"
    CAPTION = "an empty caption"
    QUESTION = "a question without a text, an answer or a type"
    OBJECT = "an object without a usable expression, box, outline or category"
    STRAY = "an annotation of something that is not there"
    BOX = "a box of no area or outside the image"
    CUT_AWAY = "a box that the central square cuts away"


class Problem(NamedTuple):
    """Something that is left out.

    file: its name as the user knows it, or a row of it. what: one line, in detail. image: the key of the image that it
    is about, where that is known. lost: how many images are left out with it; none where it is an annotation alone.
    """

    file: str
    kind: Kind
    what: str
    image: str = ""
    lost: int = 0


def summary(problems: Iterable[Problem]) -> list[tuple[Kind, int]]:
    """Each kind that occurs and how often, in the order of their lines."""
    return sorted(Counter(problem.kind for problem in problems).items())


def lost(problems: Iterable[Problem]) -> list[Problem]:
    """Those that leave an image out."""
    return [problem for problem in problems if problem.lost]


def first(problems: Sequence[Problem], count: int = 3) -> str:
    """The first problems in brackets, for an error message; nothing where there are none."""
    shown = "; ".join(f"{problem.file}: {problem.what}" for problem in problems[:count])
    return f" ({shown})" if shown else ""


def some(names: Iterable[str]) -> str:
    """Names for one line, three at most and how many more: "a, b, c and 4 more"."""
    shown = sorted(set(names))
    return ", ".join(shown[:3]) + (f" and {len(shown) - 3:,} more" if len(shown) > 3 else "")


def counted(count: int, noun: str) -> str:
    """A number of things: "1 image", "1,200 images"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
