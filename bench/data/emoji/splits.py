"""Which arrangements of emoji a split may draw from, so that no two splits share one."""

from __future__ import annotations

import functools
import hashlib
import itertools

from bench.data.emoji.art import NAMES
from bench.data.emoji.language import Scene
from bench.data.emoji.paint import COLORS, TEXTURES

NOVEL_STEPS = (5, 11, 21, 27)
"""Kinds so many places apart (on a ring of all kinds) are seen together in "test-novel-pairs" only: each kind makes
novel pairs with four others."""
STREAMS = ("train", "validation", "test", "test-novel-pairs", "judge")
"""All streams of scenes; the number of one is part of its seed."""
BUCKETS = {
    "test": (0,),
    "validation": (1,),
    "judge": (2, 3),
    "train": tuple(range(4, 16)),
    "test-novel-pairs": (0, 1, *range(4, 16)),
}
"""Sixteenths of all arrangements that a split may draw from (see `bucket`), so that no two splits share a scene."""


def is_novel_pair(kind: int, other: int) -> bool:
    """Whether two kinds are together in scenes of "test-novel-pairs" only, and of "judge"."""
    return (kind - other) % len(NAMES) in NOVEL_STEPS


def belongs(scene: Scene, split: str) -> bool:
    """Whether a scene may be in a split."""
    novel = any(is_novel_pair(*pair) for pair in itertools.combinations(scene.kinds, 2))
    if split != "judge" and novel is not (split == "test-novel-pairs"):
        return False
    return bucket(scene) in BUCKETS[split]


def bucket(scene: Scene) -> int:
    """Which sixteenth of all arrangements a scene belongs to; the order in which its objects are listed does not count.

    What is where says on which two of the 32 grounds it is in which bucket: by a hash, but objects that are alone in
    one corner, of which there are few, are dealt out in turn. So every bucket has as many of each kind, corner, colour
    and texture.
    """
    placed = tuple(sorted(zip(scene.corners, scene.kinds, strict=True)))
    return (_turn(placed) + _ground_order().index((scene.color, scene.texture))) % 16


@functools.cache
def _ground_order() -> list[tuple[str, str]]:
    return sorted(itertools.product(COLORS, TEXTURES), key=_hashed)


@functools.cache
def _alone_order(corner: int) -> list[int]:
    """All kinds in the order in which they are dealt out, alone in this corner."""
    return sorted(range(len(NAMES)), key=lambda kind: _hashed((corner, kind)))


def _turn(placed: tuple[tuple[int, int], ...]) -> int:
    """Where (corner, kind) of all objects of a scene come in turn."""
    if len(placed) == 1:
        ((corner, kind),) = placed
        return _alone_order(corner).index(kind)
    return _hashed(placed)


def _hashed(value: object) -> int:
    return int.from_bytes(hashlib.sha256(repr(value).encode()).digest()[:8], "big")
