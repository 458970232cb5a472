"""Whether the objects that a caption names stand where it puts them, as a detector of real scenes sees it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bench.contracts.result import TaskResult
from bench.errors import NotMeasurable
from bench.tasks.parts.language.named_corners import CORNERS
from bench.tasks.parts.networks.detector import EXAMPLES, RECIPE

PLACED = "objects_placed"

PROTOCOL = {
    "objects": "names of boxes, without their article, that a caption contains with a corner named behind; /no-place: "
    "without one, recognised anywhere",
    "detector": f"a convolutional network fitted to real training images and boxes, {RECIPE.steps} steps; names with "
    f"{EXAMPLES} boxes or more; @real: of the real images",
}


class Asked(NamedTuple):
    """What captions ask for, one line an object.

    images: int [N], the caption's number. names: int [N], the object's number. corners: int [N], -1 where none is said.
    """

    images: np.ndarray
    names: np.ndarray
    corners: np.ndarray


def asked(captions: Sequence[str], names: Sequence[str]) -> Asked:
    """The named objects in captions, each with the corner that follows it.

    Raises:
        NotMeasurable: no caption names any of them.
    """
    bare = {re.sub("^(the|a|an) ", "", name): number for number, name in enumerate(names)}
    longest_first = "|".join(sorted(map(re.escape, bare), key=len, reverse=True))
    pattern = re.compile(rf"\b({longest_first})\b(?:(?: alone)?(?: (?:at|in) the)? ({'|'.join(CORNERS)})\b)?")
    rows = [
        (image, bare[found[1]], CORNERS.index(found[2]) if found[2] else -1)
        for image, caption in enumerate(captions)
        for found in pattern.finditer(caption)
    ]
    if not rows:
        raise NotMeasurable("no caption names an object that has boxes")
    return Asked(*np.array(rows).T)


def score(result: TaskResult, of: Asked, seen: np.ndarray, variant: str) -> None:
    """Add the share of named objects that are recognised in the corner that is said, and anywhere where none is.

    seen: of the image of each caption, bool [images, 4, names], as `detect` gives it.
    """
    said = of.corners >= 0
    there = seen[of.images, of.corners, of.names]
    anywhere: np.ndarray = np.any(seen, axis=1)[of.images, of.names]
    for part, chosen, right in (("", said, there), ("no-place", ~said, anywhere)):
        with result.attempt(PLACED, "captions", part=part, variant=variant):
            scores = right[chosen].astype(np.float32)
            result.add(PLACED, scores, part=part, variant=variant, images=of.images[chosen])
