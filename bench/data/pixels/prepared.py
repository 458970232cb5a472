"""The prepared form of a split: pixel arrays to memory-map and one JSON file of annotations.

A split is prepared inside `bench.system.files.whole_folder`: one that was interrupted is never read, and of two
processes that prepare the same split the later one drops its copy.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bench.contracts.data import Box, Question, Split
from bench.errors import DataError


@dataclass
class Annotations:
    """What is known about the images of a split; `captions` has one list for each image, the rest name theirs."""

    captions: list[list[str]] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)


class Writer:
    """The pixels of a split being prepared, written as they come, so memory stays small whatever their number.

    images: uint8 [N, S, S, 3]. masks: uint8 [N, S, S], or None.
    """

    def __init__(self, folder: Path, count: int, size: int, masks: bool) -> None:
        self.folder = folder
        self.images = np.lib.format.open_memmap(folder / "images.npy", "w+", np.uint8, (count, size, size, 3))
        self.masks = (
            np.lib.format.open_memmap(folder / "masks.npy", "w+", np.uint8, (count, size, size)) if masks else None
        )

    def finish(self, annotations: Annotations) -> None:
        """Flush the pixels and write the annotations."""
        self.images.flush()
        if self.masks is not None:
            self.masks.flush()
        (self.folder / "annotations.json").write_text(json.dumps(_columns(annotations)), encoding="utf-8")


def read(name: str, folder: Path) -> Split:
    """A prepared split; pixels stay on disk until they are used.

    Raises:
        DataError: the folder is damaged.
    """
    try:
        columns = json.loads((folder / "annotations.json").read_text(encoding="utf-8"))
        images = np.load(folder / "images.npy", mmap_mode="r", allow_pickle=False)
        masks = folder / "masks.npy"
        return Split(
            name,
            images,
            columns["captions"],
            _rows(Question, columns["questions"]),
            _rows(Box, columns["boxes"]),
            np.load(masks, mmap_mode="r", allow_pickle=False) if masks.exists() else None,
        )
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{folder} is damaged ({error}); delete it and it is prepared anew") from error


def _columns(annotations: Annotations) -> dict[str, Any]:
    """One list a field: a quarter of the size of one object a row, and faster to read."""
    questions, boxes = annotations.questions, annotations.boxes
    return {
        "captions": annotations.captions,
        "questions": {name: [getattr(row, name) for row in questions] for name in Question.__dataclass_fields__},
        "boxes": {name: [getattr(row, name) for row in boxes] for name in Box.__dataclass_fields__},
    }


def _rows(kind: type, columns: dict[str, Sequence[Any]]) -> list[Any]:
    return [kind(*map(_frozen, values)) for values in zip(*columns.values(), strict=True)]


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
