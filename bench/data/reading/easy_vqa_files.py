"""The files of the package `easy-vqa`: images of one coloured shape each, with questions. It is never imported."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from bench.errors import DataError

INSTALL = "pip install easy-vqa==1.0"
FILES_SHA256 = "f54f02106cf540b92843e8c12a3d4aa917d1ee7c0a81dc95296fe414e062659a"
"""sha256 of both question files and all 5,000 images, one behind the other."""


@dataclass(frozen=True)
class ShapeImage:
    """One image with its questions.

    folder: "train" or "test", as the package has it. number: of the image in its folder.
    questions: (question, answer) each.
    """

    folder: str
    number: int
    questions: tuple[tuple[str, str], ...]


def read_pixels(image: ShapeImage) -> np.ndarray:
    """An image's pixels: uint8 [64, 64, 3].

    Raises:
        DataError: its file cannot be read.
    """
    path = _folder() / image.folder / "images" / f"{image.number}.png"
    try:
        with Image.open(path) as opened:
            return np.asarray(opened.convert("RGB"))
    except OSError as error:
        raise DataError(f"easy-vqa: {path} cannot be read: {error}") from error


@functools.cache
def load_images() -> tuple[ShapeImage, ...]:
    """All images in the order of their numbers.

    Raises:
        DataError: the package is missing or carries other files.
    """
    images, digest = [], hashlib.sha256()
    for folder in ("train", "test"):
        try:
            text = (_folder() / folder / "questions.json").read_bytes()
            digest.update(text)
            questions: dict[int, list[tuple[str, str]]] = defaultdict(list)
            for question, answer, number in json.loads(text):
                questions[int(number)].append((str(question).rstrip("? ") + "?", str(answer)))
            for number in sorted(questions):
                digest.update((_folder() / folder / "images" / f"{number}.png").read_bytes())
                images.append(ShapeImage(folder, number, tuple(questions[number])))
        except (OSError, ValueError, TypeError) as error:
            raise DataError(f"easy-vqa: its files cannot be read ({error}): {INSTALL}") from error
    if digest.hexdigest() != FILES_SHA256:
        raise DataError(f"easy-vqa: these are other files (sha256 {digest.hexdigest()[:12]}...): {INSTALL}")
    return tuple(images)


def _folder() -> Path:
    spec = importlib.util.find_spec("easy_vqa")
    if spec is None or spec.origin is None:
        raise DataError(f"easy-vqa is not installed: {INSTALL}")
    return Path(spec.origin).parent / "data"
