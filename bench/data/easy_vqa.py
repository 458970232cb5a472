"""easy-VQA: one coloured shape an image, with somebody else's questions and split (PyPI `easy-vqa`, MIT)."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import json
import zlib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np
from PIL import Image

from bench.contracts.data import Box, Question, Split
from bench.data.pixels import prepared
from bench.errors import DataError
from bench.registry import datasets
from bench.system import fingerprint
from bench.system.files import whole_folder

INSTALL = "pip install easy-vqa==1.0"
FILES_SHA256 = "f54f02106cf540b92843e8c12a3d4aa917d1ee7c0a81dc95296fe414e062659a"
"""Of both question files and all 5,000 images."""
SHAPES = ("circle", "rectangle", "triangle")
COLORS = ("black", "blue", "brown", "gray", "green", "red", "teal", "yellow")
BACKGROUND = 200
"""A pixel all of whose channels are at least this belongs to the near-white ground."""


@dataclass(frozen=True)
class Example:
    """One image with its questions; number is unique within its folder."""

    folder: str
    number: int
    questions: tuple[tuple[str, str], ...]


@datasets.register("easy-vqa", offers=("captions", "questions", "boxes"))
@dataclass(frozen=True)
class EasyVqa:
    """One shape an image: 4,000 + 1,000 images, 48,248 questions; captions made from its answers.

    The last tenth of its training images, by hash of their number, is the validation split.
    """

    size: int = 32
    limits: Mapping[str, int] = field(default_factory=dict)
    root: Path | None = None
    splits: ClassVar[tuple[str, ...]] = ("train", "validation", "test")
    needs_root: ClassVar[bool] = False

    def fingerprint(self) -> str:
        """Arguments and the package's files."""
        return fingerprint.of_value([self.size, dict(self.limits), FILES_SHA256])

    def split(self, name: str, cache: Path) -> Split:
        """See `bench.contracts.DataSet`.

        Raises:
            DataError: the package is missing or carries other files.
        """
        key = fingerprint.of_value([self.fingerprint(), fingerprint.of_code([Path(__file__)])])[:16]
        folder = cache / "data" / f"easy-vqa-{key}" / name
        if not folder.exists():
            with whole_folder(folder) as scratch:
                self._prepare(name, scratch)
        return prepared.read(name, folder)

    def _prepare(self, name: str, folder: Path) -> None:
        examples = [example for example in load_examples() if split_of(example) == name][: self.limits.get(name)]
        writer = prepared.Writer(folder, len(examples), self.size, masks=False)
        notes = prepared.Annotations()
        for image, example in enumerate(examples):
            pixels = read_image(example)
            box = box_of(pixels)
            shape, color = shape_and_color(example)
            resized = Image.fromarray(pixels).resize((self.size, self.size), Image.Resampling.BOX)
            writer.images[image] = np.asarray(resized)
            notes.captions.append(captions(shape, color))
            notes.boxes.append(Box(image, f"the {color} {shape}".replace("  ", " "), box))
            notes.questions += [Question(image, text, answer, kind_of(answer)) for text, answer in example.questions]
        writer.finish(notes)


def split_of(example: Example) -> str:
    """Its own test split; a tenth of its training images is for validation."""
    if example.folder == "test":
        return "test"
    return "validation" if zlib.crc32(str(example.number).encode()) % 10 == 0 else "train"


def captions(shape: str, color: str) -> list[str]:
    """Four wordings of the same."""
    thing = f"{color} {shape}".strip()
    return [f"a {thing}", f"a picture of a {thing}", f"there is one {thing}", f"{thing} on white"]


def kind_of(answer: str) -> str:
    """Question type, from the answer: yes/no, object (a shape) or color."""
    if answer in ("yes", "no"):
        return "yes/no"
    return "object" if answer in SHAPES else "color"


def shape_and_color(example: Example) -> tuple[str, str]:
    """What the questions and answers give away; "shape" and "" where they do not.

    An open question tells by its answer and by the word it mentions ("what color is the circle?"), a yes/no question
    by the word it mentions if the answer affirms it ("is there not a red shape?" no).
    """
    told = set()
    for text, answer in example.questions:
        words = set(text.rstrip("?").split())
        denied = bool(words & {"not", "no"})
        if answer not in ("yes", "no"):
            told |= words | {answer}
        elif (answer == "yes") is not denied:
            told |= words
    shape, color = told & set(SHAPES), told & set(COLORS)
    if len(shape) > 1 or len(color) > 1:
        raise DataError(f"easy-vqa: the answers about {example.folder} image {example.number} contradict each other")
    return next(iter(shape), "shape"), next(iter(color), "")


def box_of(pixels: np.ndarray) -> tuple[float, float, float, float]:
    """(centre x, centre y, width, height), fractions, of all that is not near white.

    Raises:
        DataError: nothing is.
    """
    seen: np.ndarray = np.min(pixels, axis=-1) < BACKGROUND
    rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    if not len(rows):
        raise DataError("easy-vqa: an image without a shape")
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    height, width = pixels.shape[:2]
    center = (float((left + right) / 2 / width), float((top + bottom) / 2 / height))
    return (*center, float((right - left) / width), float((bottom - top) / height))


def read_image(example: Example) -> np.ndarray:
    """uint8 [64, 64, 3]"""
    path = _folder() / example.folder / "images" / f"{example.number}.png"
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except OSError as error:
        raise DataError(f"easy-vqa: {path} cannot be read: {error}") from error


@functools.cache
def load_examples() -> tuple[Example, ...]:
    """All images in the order of their numbers.

    Raises:
        DataError: the package is missing or carries other files.
    """
    found, digest = [], hashlib.sha256()
    for folder in ("train", "test"):
        try:
            text = (_folder() / folder / "questions.json").read_bytes()
            digest.update(text)
            questions: dict[int, list[tuple[str, str]]] = defaultdict(list)
            for question, answer, number in json.loads(text):
                questions[int(number)].append((str(question).rstrip("? ") + "?", str(answer)))
            for number in sorted(questions):
                digest.update((_folder() / folder / "images" / f"{number}.png").read_bytes())
                found.append(Example(folder, number, tuple(questions[number])))
        except (OSError, ValueError, TypeError) as error:
            raise DataError(f"easy-vqa: its files cannot be read ({error}): {INSTALL}") from error
    if digest.hexdigest() != FILES_SHA256:
        raise DataError(f"easy-vqa: these are other files (sha256 {digest.hexdigest()[:12]}...): {INSTALL}")
    return tuple(found)


def _folder() -> Path:
    spec = importlib.util.find_spec("easy_vqa")
    if spec is None or spec.origin is None:
        raise DataError(f"easy-vqa is not installed: {INSTALL}")
    return Path(spec.origin).parent / "data"
