"""Decoded examples, written in the prepared form that `bench.data.pixels.prepared` reads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bench.contracts.data import Box, Question
from bench.data.pixels import prepared
from bench.data.pixels.training_view import write_index
from bench.data.reading.decode import Decoded, Shape, decode_all
from bench.data.reading.examples import Example
from bench.data.reading.npy_appender import NpyAppender
from bench.data.reading.problems import Problem
from bench.system.progress import Progress


def write_prepared(examples: Sequence[Example], folder: Path, shape: Shape, progress: Progress) -> list[Problem]:
    """Decode the examples and write them into an empty folder; returns what had to be left out."""
    notes, problems = prepared.Annotations(), list[Problem]()
    lengths: list[int] = []
    turned: list[bool] = []
    size, masks = shape.size, any(example.mask for example in examples)
    with (
        NpyAppender(folder / "images.npy", (size, size, 3)) as images,
        NpyAppender(folder / "masks.npy", (size, size)) as mask_rows,
        NpyAppender(folder / "strips.npy", (size, 3)) as strips,
    ):
        for example, decoded in zip(examples, decode_all(examples, shape, progress), strict=True):
            if isinstance(decoded, Problem):
                problems.append(decoded)
                continue
            problems += _annotate(example, decoded, images.count, notes)
            images.append(decoded.pixels[None])
            if masks:
                mask_rows.append((np.zeros((size, size), np.uint8) if decoded.mask is None else decoded.mask)[None])
            if decoded.strip is not None:
                strips.append(decoded.strip.pixels)
                lengths.append(len(decoded.strip.pixels))
                turned.append(decoded.strip.turned)
    if not masks:
        (folder / "masks.npy").unlink()
    if lengths:
        write_index(folder, lengths, turned)
    else:
        (folder / "strips.npy").unlink()
    prepared.write_annotations(folder, notes)
    return problems


def _annotate(example: Example, decoded: Decoded, number: int, notes: prepared.Annotations) -> list[Problem]:
    """Add what is said about image `number`; returns the boxes that had to be left out."""
    problems = []
    notes.captions.append(list(example.captions))
    notes.questions += [Question(number, *question) for question in example.questions]
    for expression, box in zip(example.boxes, decoded.boxes, strict=True):
        if isinstance(box, Problem):
            problems.append(box)
        else:
            notes.boxes.append(Box(number, expression.text, box))
    return problems
