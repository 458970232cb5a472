"""Decoded examples, written in the prepared form that `bench.data.pixels.prepared` reads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bench.contracts.data import Box, Question
from bench.data.pixels import prepared
from bench.data.pixels.training_view import write_index
from bench.data.reading.decode import Decoded, Growing, Shape, decode_all
from bench.data.reading.examples import Example, Problem
from bench.system.progress import Progress


def write(examples: Sequence[Example], folder: Path, shape: Shape, progress: Progress) -> list[Problem]:
    """Decode the examples and write them in the prepared form; returns what had to be left out."""
    notes, problems = prepared.Annotations(), []
    lengths: list[int] = []
    turned: list[bool] = []
    size, masks = shape.size, any(example.mask for example in examples)
    with (
        Growing(folder / "images.npy", (size, size, 3)) as images,
        Growing(folder / "masks.npy", (size, size)) as mask_rows,
        Growing(folder / "strips.npy", (size, 3)) as strips,
    ):
        for example, found in zip(examples, decode_all(examples, shape, progress), strict=True):
            if isinstance(found, Problem):
                problems.append(found)
                continue
            problems += annotate(example, found, images.count, notes)
            images.append(found.pixels[None])
            if masks:
                mask_rows.append((np.zeros((size, size), np.uint8) if found.mask is None else found.mask)[None])
            if found.strip is not None:
                strips.append(found.strip.pixels)
                lengths.append(len(found.strip.pixels))
                turned.append(found.strip.turned)
    if not masks:
        (folder / "masks.npy").unlink()
    if lengths:
        write_index(folder, lengths, turned)
    else:
        (folder / "strips.npy").unlink()
    (folder / "annotations.json").write_text(json.dumps(prepared._columns(notes)), encoding="utf-8")
    return problems


def annotate(example: Example, found: Decoded, number: int, notes: prepared.Annotations) -> list[Problem]:
    """Add what is said about image `number`; returns the boxes that had to be left out."""
    problems = []
    notes.captions.append(list(example.captions))
    notes.questions += [Question(number, *asked) for asked in example.questions]
    for pointed, box in zip(example.boxes, found.boxes, strict=True):
        if isinstance(box, str):
            problems.append(Problem(str(example.image), box))
        else:
            notes.boxes.append(Box(number, pointed.text, box))
    return problems
