"""A stream of emoji scenes becomes a prepared split."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bench.contracts.data import Box, Question
from bench.data.emoji.art import NAMES
from bench.data.emoji.even import Evenly
from bench.data.emoji.language import Scene, captions
from bench.data.emoji.paint import COLORS, TEXTURES, ground, paint_objects, texture_step
from bench.data.pixels import prepared

Ask = Callable[[Scene, int, np.random.Generator, Evenly], list[Question]]
"""Scene and its number to the questions about it."""


class Style(NamedTuple):
    """Which scenes there are, how they look, and what is asked about them.

    scenes: from the name of a split and a seed to an endless stream of its scenes.
    sides: the longer side of an object is one of these fractions of the scene. contrast: levels by which a texture is
    darker and lighter than its colour.
    """

    scenes: Callable[[str, int], Iterator[Scene]]
    sides: tuple[float, ...]
    contrast: int
    ask: Ask


def write_split(
    folder: Path, scenes: Iterator[Scene], count: int, size: int, seed: Sequence[int], style: Style
) -> None:
    """Paint the first `count` scenes of a split, caption them, ask, and write all of it as a prepared split.

    Args:
        size: side of the images in pixels. seed: of sizes, places within corners, and words.

    Raises:
        OSError: there is no room for them.
    """
    writer = prepared.Writer(folder, count, size, masks=True)
    assert writer.masks is not None
    rng, words = (np.random.default_rng([*seed, part]) for part in (1, 2))
    even = Evenly(words)
    notes = prepared.Annotations()
    grounds = {
        (color, texture): ground(color, texture, size, style.contrast) for color in COLORS for texture in TEXTURES
    }
    for image, scene in enumerate(itertools.islice(scenes, count)):
        # textures start anywhere: aligned with a grid of codes, they would cost next to nothing
        shift = rng.integers(0, 2 * texture_step(size), 2)
        pixels = np.roll(grounds[scene.color, scene.texture], shift, (0, 1))
        boxes = paint_objects(scene, pixels, writer.masks[image], style.sides, rng)
        writer.images[image] = np.round(pixels)
        notes.captions.append(captions(scene, words))
        notes.questions += style.ask(scene, image, words, even)
        notes.boxes += [Box(image, f"the {NAMES[kind]}", box) for kind, box in zip(scene.kinds, boxes, strict=True)]
    writer.finish(notes)
