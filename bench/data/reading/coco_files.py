"""MS-COCO's files, which COCO-QA, VQA v2 and RefCOCO lean on: images, captions, instances."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bench.data.pixels.fit import Rectangle
from bench.data.reading.coco_masks import Segments, outlines_in
from bench.data.reading.examples import Expression, ImageFile
from bench.data.reading.json_rows import field, numbers, rows
from bench.data.reading.paths import clean, find, safe_name
from bench.data.reading.problems import Kind, Problem
from bench.errors import DataError

IMAGES = (
    "train2014.zip from images.cocodataset.org/zips, val2014.zip likewise, and annotations_trainval2014.zip from "
    "images.cocodataset.org/annotations"
)


class CocoImage(NamedTuple):
    """One row of "images". name: of the file. size: (width, height)."""

    name: str
    size: tuple[int, int]


def image_folder(root: Path, part: str) -> Path:
    """The folder of images of "train2014", "val2017" ... Raises `DataError` where there is none."""
    return find(root, part, f"images/{part}", f"images/mscoco/images/{part}")


def caption_file(root: Path, part: str) -> Path:
    """The file of captions. Raises `DataError` where there is none."""
    return find(root, f"annotations/captions_{part}.json")


def image_file(folder: Path, part: str, number: int) -> ImageFile:
    """An image by its id. Twelve digits: LG-VQ's loader wrote them unpadded and so lost all ids below 100,000."""
    prefix = f"COCO_{part}_" if part.endswith("2014") else ""
    return ImageFile(folder, f"{prefix}{number:012d}.jpg")


def read_images(path: Path, problems: list[Problem]) -> dict[int, CocoImage]:
    """All images that an annotation file lists, by id; names that point elsewhere are refused and noted.

    Raises:
        DataError: not such a file, or an id is there twice.
    """
    images: dict[int, CocoImage] = {}
    for row in rows(path, "images"):
        number = field(row, "id", int, path)
        if number in images:
            raise DataError(f"{path} lists image {number} twice")
        try:
            name = safe_name(row.get("file_name"))
        except DataError as error:
            problems.append(Problem(f"{path.name}, image {number}", Kind.ANNOTATION, str(error)))
            continue
        images[number] = CocoImage(name, (field(row, "width", int, path), field(row, "height", int, path)))
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
            problems.append(Problem(f"{path.name}, image {number}", Kind.CAPTION, Kind.CAPTION))
    return {number: tuple(texts) for number, texts in captions.items()}


def read_instances(
    path: Path, problems: list[Problem]
) -> tuple[dict[int, tuple[Expression, ...]], dict[int, Segments], dict[int, tuple[int, Rectangle]]]:
    """Boxes and masks by image id, and (image id, box) by annotation id.

    An expression names a category that occurs once in its image: "the dog". Ids of a mask are category ids.

    Raises:
        DataError: not such a file.
    """
    names = {field(row, "id", int, path): clean(row.get("name")) for row in rows(path, "categories")}
    objects_of: dict[int, list[tuple[int, Rectangle, bool]]] = defaultdict(list)
    outlines: dict[int, list[tuple[float, int, tuple[np.ndarray, ...]]]] = defaultdict(list)
    boxes: dict[int, tuple[int, Rectangle]] = {}
    for row in rows(path, "annotations"):
        number, image, category = (field(row, name, int, path) for name in ("id", "image_id", "category_id"))
        box = numbers(row.get("bbox"), 4)
        outline = outlines_in(row.get("segmentation"))
        if number in boxes or box is None or category not in names or not 0 < category < 256 or outline is None:
            where = f"{path.name}, annotation {number}"
            problems.append(Problem(where, Kind.OBJECT, "no usable box, outline or category"))
            continue
        boxes[number] = image, (box[0], box[1], box[2], box[3])
        objects_of[image].append((category, boxes[number][1], bool(row.get("iscrowd"))))
        outlines[image].append((box[2] * box[3], category, outline))
    expressions = {}
    for image, objects in objects_of.items():
        count = Counter(category for category, _, _ in objects)
        expressions[image] = tuple(
            Expression(f"the {names[category]}", box)
            for category, box, crowd in objects
            if count[category] == 1 and not crowd
        )
    masks = {
        image: Segments(tuple((label, shape) for _, label, shape in sorted(objects, key=lambda outline: -outline[0])))
        for image, objects in outlines.items()
    }
    return expressions, masks, boxes


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
        for part in dict.fromkeys(parts):
            caption_file(root, part)
    except DataError as error:
        return f"COCO's captions are not there: {error}"
    return None
