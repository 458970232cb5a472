"""MS-COCO's files, which COCO-QA, VQA v2 and RefCOCO lean on: images, captions, instances."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bench.data.pixels.fit import Rectangle
from bench.data.reading.coco_masks import Segments, outlines_in
from bench.data.reading.examples import Expression
from bench.data.reading.json_rows import field, numbers, rows
from bench.data.reading.paths import clean, find, find_optional, reading, safe_name
from bench.data.reading.problems import Kind, Problem
from bench.errors import DataError

LONGEST = 65_535
"""Pixels on a side of a JPEG."""


class CocoImage(NamedTuple):
    """One row of "images". name: of the file. size: (width, height)."""

    name: str
    size: tuple[int, int]


class Objects(NamedTuple):
    """What an instances file says.

    named: by image id, the boxes of categories that occur once in the image: "the dog". masks: by image id; their ids
    are those of categories. boxes: (image id, box) by annotation id.
    """

    named: dict[int, tuple[Expression, ...]]
    masks: dict[int, Segments]
    boxes: dict[int, tuple[int, Rectangle]]


def caption_file(root: Path, part: str) -> Path:
    """The file of captions. Raises `DataError` where there is none."""
    return find(root, f"annotations/captions_{part}.json", f"captions_{part}.json")


def instances_file(root: Path, part: str) -> Path | None:
    """The file of boxes and outlines, if it is there."""
    return find_optional(root, f"annotations/instances_{part}.json", f"instances_{part}.json")


def read_images(path: Path, problems: list[Problem]) -> dict[int, CocoImage]:
    """All images that an annotation file lists, by id; one with a name that points elsewhere, or no size, is lost.

    Raises:
        DataError: not such a file, or an id is there twice.
    """
    images: dict[int, CocoImage] = {}
    for row in rows(path, "images"):
        number = field(row, "id", int, path)
        if number in images:
            raise DataError(f"{path} lists image {number} twice")
        size = field(row, "width", int, path), field(row, "height", int, path)
        try:
            name = safe_name(row.get("file_name"))
            if not 0 < min(size) <= max(size) <= LONGEST:
                raise DataError("no image is of the size that is given")
        except DataError as error:
            problems.append(
                Problem(f"{path.name}, image {number}", Kind.ANNOTATION, str(error), str(number), lost=True)
            )
            continue
        images[number] = CocoImage(name, size)
    return images


def read_captions(path: Path, problems: list[Problem]) -> dict[int, tuple[str, ...]]:
    """Captions by image id; empty ones are noted.

    Raises:
        DataError: not such a file.
    """
    captions: dict[int, list[str]] = defaultdict(list)
    for row in rows(path, "annotations"):
        number, text = field(row, "image_id", int, path), clean(row.get("caption"))
        if text:
            captions[number].append(text)
        else:
            problems.append(Problem(f"{path.name}, image {number}", Kind.CAPTION, Kind.CAPTION, str(number)))
    return {number: tuple(texts) for number, texts in captions.items()}


def read_objects(path: Path, images: Mapping[int, CocoImage], problems: list[Problem], masks: bool = True) -> Objects:
    """The objects of these images. A broken box or outline costs itself alone: the object still counts for "the dog".

    Args:
        masks: whether outlines are read.

    Raises:
        DataError: not such a file.
    """
    names = {field(row, "id", int, path): clean(row.get("name")) for row in rows(path, "categories")}
    objects_of: dict[int, list[tuple[int, Rectangle | None, bool]]] = defaultdict(list)
    outlines: dict[int, list[tuple[float, int, tuple[np.ndarray, ...]]]] = defaultdict(list)
    boxes: dict[int, tuple[int, Rectangle]] = {}
    for row in rows(path, "annotations"):
        number, image, category = (field(row, name, int, path) for name in ("id", "image_id", "category_id"))
        faults = []
        if image not in images or number in boxes or category not in names or not 0 < category < 256:
            faults = ["no such image or category, or there twice"]
        else:
            box = _box(row.get("bbox"))
            objects_of[image].append((category, box, bool(row.get("iscrowd"))))
            if box is None:
                faults.append("no box")
            else:
                boxes[number] = image, box
            if masks:
                usable, fault = outlines_in(row.get("segmentation"), images[image].size)
                outlines[image].append((box[2] * box[3] if box else 0.0, category, usable))
                faults += [fault] if fault else []
        for fault in faults:
            problems.append(Problem(f"{path.name}, annotation {number}", Kind.OBJECT, fault, str(image)))
    named = {image: _alone(objects, names) for image, objects in objects_of.items()}
    drawn = {image: _largest_first(shapes) for image, shapes in outlines.items()}
    return Objects(named, drawn, boxes)


def _box(value: object) -> Rectangle | None:
    box = numbers(value, 4)
    return (box[0], box[1], box[2], box[3]) if box else None


def _alone(objects: list[tuple[int, Rectangle | None, bool]], names: Mapping[int, str]) -> tuple[Expression, ...]:
    """The boxes of objects that are alone of their category and no crowd."""
    count = Counter(category for category, _, _ in objects)
    return tuple(
        Expression(f"the {names[category]}", box)
        for category, box, crowd in objects
        if box and count[category] == 1 and not crowd
    )


def _largest_first(shapes: list[tuple[float, int, tuple[np.ndarray, ...]]]) -> Segments:
    return Segments(tuple((label, shape) for _, label, shape in sorted(shapes, key=lambda outline: -outline[0])))


def optional_captions(
    root: Path, parts: Mapping[str, str], split: str, problems: list[Problem]
) -> dict[int, tuple[str, ...]]:
    """Captions of a split's images where COCO's caption file is there, else none."""
    if missing_captions(root, parts.values()):
        return {}
    return read_captions(caption_file(root, parts[split]), problems)


def missing_captions(root: Path, parts: Iterable[str]) -> str | None:
    """Why there are no captions for these parts of COCO, or None."""
    try:
        with reading(root):
            for part in dict.fromkeys(parts):
                caption_file(root, part)
    except DataError as error:
        return f"COCO's captions are not there: {error}"
    return None
