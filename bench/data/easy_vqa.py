"""easy-VQA: one coloured shape an image, with somebody else's questions and split (PyPI `easy-vqa`, MIT)."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from typing_extensions import override

from bench.contracts.data import Box, DataSet, Question, Split
from bench.data.pixels import prepared
from bench.data.reading.easy_vqa_files import FILES_SHA256, ShapeImage, load_images, read_pixels
from bench.errors import DataError
from bench.registry import datasets
from bench.system import fingerprint
from bench.system.kept import kept_folder

SHAPES = ("circle", "rectangle", "triangle")
COLORS = ("black", "blue", "brown", "gray", "green", "red", "teal", "yellow")
BACKGROUND = 200
"""A pixel all of whose channels are at least this belongs to the near-white ground."""


@datasets.register("easy-vqa", offers=("captions", "questions", "boxes"))
@dataclass(frozen=True)
class EasyVqa(DataSet):
    """One shape an image: 4,000 + 1,000 images, 48,248 questions; captions made from its answers.

    A tenth of its training images, by hash of their number, is the validation split.
    """

    @override
    def fingerprint(self) -> str:
        return fingerprint.of_value([self.size, dict(self.limits), FILES_SHA256])

    @override
    def split(self, name: str, cache: Path) -> Split:
        key = fingerprint.of_value([self.fingerprint(), fingerprint.of_code([Path(__file__)])])[:16]
        folder = cache / "data" / f"easy-vqa-{key}" / name
        return kept_folder(folder, lambda scratch: self._prepare(name, scratch), lambda kept: prepared.read(name, kept))

    def _prepare(self, name: str, folder: Path) -> None:
        chosen = [image for image in load_images() if split_of(image) == name][: self.limits.get(name)]
        writer = prepared.Writer(folder, len(chosen), self.size, masks=False)
        notes = prepared.Annotations()
        for number, image in enumerate(chosen):
            pixels = read_pixels(image)
            box = box_of(pixels)
            shape, color = shape_and_color(image)
            resized = Image.fromarray(pixels).resize((self.size, self.size), Image.Resampling.BOX)
            writer.images[number] = np.asarray(resized)
            notes.captions.append(captions(shape, color))
            notes.boxes.append(Box(number, f"the {color} {shape}".replace("  ", " "), box))
            notes.questions += [Question(number, text, answer, kind_of(answer)) for text, answer in image.questions]
        writer.finish(notes)


def split_of(image: ShapeImage) -> str:
    """The split of an image: the package's own, but that a tenth of "train" is for validation."""
    if image.folder == "test":
        return "test"
    return "validation" if zlib.crc32(str(image.number).encode()) % 10 == 0 else "train"


def captions(shape: str, color: str) -> list[str]:
    """Four captions that say the same in other words."""
    thing = f"{color} {shape}".strip()
    return [f"a {thing}", f"a picture of a {thing}", f"there is one {thing}", f"{thing} on white"]


def kind_of(answer: str) -> str:
    """Type of a question, told by its answer: yes/no, object (a shape) or color."""
    if answer in ("yes", "no"):
        return "yes/no"
    return "object" if answer in SHAPES else "color"


def shape_and_color(image: ShapeImage) -> tuple[str, str]:
    """Shape and colour, as far as the questions and answers tell; "shape" and "" where they do not.

    An open question tells by its answer and by the word it mentions ("what color is the circle?"), a yes/no question
    by the word it mentions if the answer affirms it ("is there not a red shape?" no).

    Raises:
        DataError: the answers contradict each other.
    """
    told = set()
    for text, answer in image.questions:
        words = set(text.rstrip("?").split())
        denied = bool(words & {"not", "no"})
        if answer not in ("yes", "no"):
            told |= words | {answer}
        elif (answer == "yes") is not denied:
            told |= words
    shape, color = told & set(SHAPES), told & set(COLORS)
    if len(shape) > 1 or len(color) > 1:
        raise DataError(f"easy-vqa: the answers about {image.folder} image {image.number} contradict each other")
    return next(iter(shape), "shape"), next(iter(color), "")


def box_of(pixels: np.ndarray) -> tuple[float, float, float, float]:
    """The box around all that is not near white, as (centre x, centre y, width, height) in fractions of the image.

    Raises:
        DataError: all of it is near white.
    """
    seen = np.min(pixels, axis=-1) < BACKGROUND
    rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    if not len(rows):
        raise DataError("easy-vqa: an image without a shape")
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    height, width = pixels.shape[:2]
    center = (float((left + right) / 2 / width), float((top + bottom) / 2 / height))
    return (*center, float((right - left) / width), float((bottom - top) / height))
