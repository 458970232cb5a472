"""The prepared form of a split: pixel arrays to memory-map and one JSON file of annotations.

A split is prepared inside `bench.system.kept.kept_folder`: one that was interrupted is never read, a damaged one is
made anew, and of several processes that want the same split one prepares it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from bench.contracts.data import Box, Question, Split
from bench.system.arrays import new_array


@dataclass
class Annotations:
    """What is known about the images of a split; `captions` has one list for each image, the rest name theirs."""

    captions: list[list[str]] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)


class Writer:
    """The pixels of a split being prepared, written as they come, so memory stays small whatever their number.

    images: uint8 [N, S, S, 3]. masks: uint8 [N, S, S], or None.

    Raises:
        OSError: there is no room for them.
    """

    def __init__(self, folder: Path, count: int, size: int, masks: bool) -> None:
        self.folder = folder
        self.images = new_array(folder / "images.npy", np.uint8, (count, size, size, 3))
        self.masks = new_array(folder / "masks.npy", np.uint8, (count, size, size)) if masks else None

    def finish(self, annotations: Annotations) -> None:
        """Flush the pixels and write the annotations."""
        self.images.flush()
        if self.masks is not None:
            self.masks.flush()
        write_annotations(self.folder, annotations)


def write_annotations(folder: Path, annotations: Annotations) -> None:
    """Write them as one list a field: a quarter of the size of one object a row, and faster to read."""
    columns = {
        "captions": annotations.captions,
        "questions": _columns(Question, annotations.questions),
        "boxes": _columns(Box, annotations.boxes),
    }
    (folder / "annotations.json").write_text(json.dumps(columns), encoding="utf-8")


def read(name: str, folder: Path) -> Split:
    """A prepared split; pixels stay on disk until they are used.

    Raises:
        OSError, EOFError, LookupError, TypeError, ValueError: the folder is damaged; see `bench.system.kept`.
    """
    columns = json.loads((folder / "annotations.json").read_text(encoding="utf-8"))
    masks = folder / "masks.npy"
    return Split(
        name,
        np.load(folder / "images.npy", mmap_mode="r", allow_pickle=False),
        columns["captions"],
        _rows(Question, columns["questions"]),
        _rows(Box, columns["boxes"]),
        np.load(masks, mmap_mode="r", allow_pickle=False) if masks.exists() else None,
    )


def _columns(kind: type[Question | Box], rows: Sequence[Question | Box]) -> dict[str, list[Any]]:
    return {field.name: [getattr(row, field.name) for row in rows] for field in fields(kind)}


def _rows(kind: type, columns: dict[str, Sequence[Any]]) -> list[Any]:
    """The opposite of `_columns`."""
    return [kind(*map(_frozen, values)) for values in zip(*columns.values(), strict=True)]


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
