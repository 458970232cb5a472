"""Captions that say in which corner things are, and the same with two corners exchanged."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from typing import NamedTuple

from bench.errors import NotMeasurable

CORNERS = ("top left", "top right", "bottom left", "bottom right")
"""Numbered row by row, as the quarters of an image are."""

PROTOCOL = (
    "the first caption of each image that names two corners or more, against the same with the first two exchanged; "
    "right where it is the likelier one"
)

_CORNER = re.compile(rf"\b(?:{'|'.join(CORNERS)})\b")


class Exchanged(NamedTuple):
    """A caption of an image, by its number in the split, and what it becomes with two corners exchanged."""

    image: int
    caption: str
    other: str


def exchanged(captions: Sequence[Sequence[str]]) -> list[Exchanged]:
    """Of each image the first caption that names two corners, and the same with these exchanged.

    Args:
        captions: of each image.

    Raises:
        NotMeasurable: no caption names two.
    """
    found = []
    for image, texts in enumerate(captions):
        pairs = (pair for text in texts if (pair := _exchange(text)) is not None)
        found += [Exchanged(image, *pair) for pair in itertools.islice(pairs, 1)]
    if not found:
        raise NotMeasurable("no caption names two corners")
    return found


def _exchange(text: str) -> tuple[str, str] | None:
    """A text and the same with its first two corners exchanged; None where it does not name two different ones."""
    corners = list(_CORNER.finditer(text))[:2]
    if len(corners) < 2 or corners[0][0] == corners[1][0]:
        return None
    first, second = corners
    between = text[first.end() : second.start()]
    return text, f"{text[: first.start()]}{second[0]}{between}{first[0]}{text[second.end() :]}"
