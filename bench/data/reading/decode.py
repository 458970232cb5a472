"""Images decoded in worker processes, handed over as they come: memory stays small whatever their number."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from torch.utils.data import DataLoader, Dataset

from bench.data.pixels import fit
from bench.data.pixels.fit import Fit, Rectangle
from bench.data.pixels.pictures import open_rgb
from bench.data.reading.examples import Example, Expression
from bench.data.reading.problems import Kind, Problem
from bench.errors import DataError
from bench.system.progress import Progress

CHUNK = 32
"""Images a worker decodes before it hands them over."""
ALONE = 128
"""Up to so many are decoded here: starting processes takes longer."""


@dataclass(frozen=True)
class Shape:
    """What becomes of an image.

    size: side of the square, in pixels. fit: how the image becomes a square. strips: how it becomes a strip for random
    crops ("stretch": the square of the whole image); None where it is kept as a square only.
    """

    size: int
    fit: Fit
    strips: Fit | None = None


class Decoded(NamedTuple):
    """An example's pixels and boxes.

    pixels: uint8 [S, S, 3]. mask: uint8 [S, S]. boxes: one for each of the example's, (centre x, centre y, width,
    height) as fractions of the square, or why it is left out.
    """

    pixels: np.ndarray
    mask: np.ndarray | None
    strip: fit.Strip | None
    boxes: tuple[Rectangle | Problem, ...]


def decode(example: Example, shape: Shape) -> Decoded | Problem:
    """One example's pixels, or what is wrong with its files."""
    try:
        image = open_rgb(example.image.read(), example.size)
        mask = example.mask.paint(image.size) if example.mask else None
    except DataError as error:
        return Problem(str(example.image), Kind.IMAGE, str(error), example.key, lost=1)
    strip = None
    if shape.strips == "crop":
        strip = fit.strip(image, shape.size)
    elif shape.strips == "stretch":
        strip = fit.Strip(fit.square(image, shape.size, "stretch"), turned=False)
    return Decoded(
        fit.square(image, shape.size, shape.fit),
        fit.square_mask(mask, shape.size, shape.fit) if mask else None,
        strip,
        tuple(_box(expression, example, image.size, shape.fit) for expression in example.boxes),
    )


def _box(expression: Expression, example: Example, size: tuple[int, int], how: Fit) -> Rectangle | Problem:
    try:
        box = fit.box_in_square(expression.box, *_measured_in(example, size), how)
    except DataError as error:
        return Problem(str(example.image), Kind.BOX, str(error), example.key)
    return Problem(str(example.image), Kind.CUT_AWAY, Kind.CUT_AWAY.value, example.key) if box is None else box


def _measured_in(example: Example, size: tuple[int, int]) -> tuple[int, int]:
    """The size (width, height) of the image that boxes are measured in.

    Raises:
        DataError: it lies down and the image, of this size, stands, or the other way round.
    """
    wide, tall = example.scale or size
    if (wide - tall) * (size[0] - size[1]) < 0:
        raise DataError(f"a box of an image of {wide}x{tall}, and the image is {size[0]}x{size[1]}")
    return wide, tall


class _Chunks(Dataset):
    """The examples in chunks, each decoded when it is asked for by its number."""

    def __init__(self, examples: Sequence[Example], shape: Shape) -> None:
        self.examples, self.shape = examples, shape

    def __len__(self) -> int:
        return -(-len(self.examples) // CHUNK)

    def __getitem__(self, number: int) -> list[Decoded | Problem]:
        return [decode(example, self.shape) for example in self.examples[number * CHUNK : (number + 1) * CHUNK]]


def decode_all(
    examples: Sequence[Example], shape: Shape, progress: Progress, workers: int | None = None
) -> Iterator[Decoded | Problem]:
    """Every example in order; at most two chunks a worker wait in memory.

    Raises:
        DataError: a worker process died, which says that a file is worse than broken.
    """
    if workers is None:
        workers = 0 if len(examples) <= ALONE else len(os.sched_getaffinity(0))
    chunks = DataLoader(_Chunks(examples, shape), batch_size=None, num_workers=workers, collate_fn=_as_it_is)
    done = 0
    try:
        for chunk in chunks:
            yield from chunk
            done += len(chunk)
            progress(done, len(examples), "decode images")
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        near = f"{examples[done].image} to {examples[min(done + workers * 2 * CHUNK, len(examples)) - 1].image}"
        raise DataError(f"a process that decodes images died, at one of {near}: {error}") from error


def _as_it_is(chunk: list[Decoded | Problem]) -> list[Decoded | Problem]:
    return chunk
