"""DAQUAR (Malinowski and Fritz, 2014, arXiv:1410.0210): people's questions about the rooms of NYU Depth v2."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from typing_extensions import override

from bench.data.reading.base import FromFiles
from bench.data.reading.examples import AnsweredQuestion, Example, ImageFile, Listing
from bench.data.reading.paths import clean, find, find_innermost, find_optional, read_text
from bench.data.reading.problems import Kind
from bench.data.reading.splits import validation_of
from bench.errors import DataError
from bench.registry import datasets

IMAGES = ("nyu_depth_images", "images")
ENDINGS = (".jpg", ".png")
ABOUT = re.compile(r"(?:\s+(?:in|on|of)(?:\s+the)?)?\s*\b(image\d+)\s*\?*\s*$")
"""The end of a question: "... in the image3 ?"."""
COLOR = re.compile(r"\bcolou?rs?\b")


@datasets.register("daquar", offers=("questions",), reads_files=True)
@dataclass(frozen=True)
class Daquar(FromFiles):
    """12,468 questions about 1,449 rooms; an answer of several things is one answer, its things in alphabetical order.

    answers: "894", the full set, or "37", its reduced one with answers of 37 kinds. The end of each question, which
    names the image's file ("in the image3 ?"), is left out: a head could learn nothing from it but noise.
    """

    answers: Literal["894", "37"] = "894"
    name: ClassVar[str] = "daquar"
    get: ClassVar[str] = (
        "From mpi-inf.mpg.de/visual-turing-challenge get qa.894.raw.train.txt, qa.894.raw.test.txt (or qa.37...), "
        "train.txt, test.txt and nyu_depth_images.tar, and unpack all in the data set's folder"
    )
    protocol_fit: ClassVar[Literal["stretch"]] = "stretch"
    training_fit: ClassVar[Literal["stretch"]] = "stretch"
    flip: ClassVar[bool] = True
    redistributable: ClassVar[bool] = False

    @property
    def published(self) -> Mapping[str, Mapping[str, int]]:  # type: ignore[override]
        """Of the full set, as its files have them; the paper has one more for testing and one less for training."""
        return {"train": {"questions": 6_795}, "test": {"questions": 5_673}} if self.answers == "894" else {}

    @override
    def sources(self, root: Path) -> Sequence[Path]:
        lists = [path for part in ("train", "test") if (path := find_optional(root, f"{part}.txt"))]
        return [_questions(root, self.answers, "train"), _questions(root, self.answers, "test"), *lists, _images(root)]

    @override
    def listing(self, root: Path, split: str) -> Listing:
        listing = Listing()
        part = "test" if split == "test" else "train"
        asked = _read(_questions(root, self.answers, part), listing)
        held = validation_of(list(asked)) if part == "train" else frozenset[str]()
        images = _images(root)
        files = {path.stem: path.name for path in sorted(images.iterdir()) if path.suffix.lower() in ENDINGS}

        def mine(image: str) -> bool:
            return part == "test" or (image in held) is (split == "validation")

        for image, questions in asked.items():
            if mine(image):
                file = ImageFile(images, files.get(image, f"{image}{ENDINGS[0]}"))
                listing.add(Example(image, file, questions=tuple(questions)), ("questions",))
        return listing.of_part(mine, rest=split != "validation")

    @override
    def unused(self, root: Path) -> Sequence[str]:
        told = list(super().unused(root))
        for part in ("train", "test"):
            path = find_optional(root, f"{part}.txt")
            listed = set(read_text(path).split()) if path else set()
            silent = listed - _read(_questions(root, self.answers, part), Listing()).keys()
            if silent:
                told.append(f"not read: {len(silent):,} images of {part}.txt that no question is about")
        return told


def _questions(root: Path, answers: str, part: str) -> Path:
    return find(root, f"qa.{answers}.raw.{part}.txt")


def _images(root: Path) -> Path:
    return find_innermost(root, *IMAGES)


def _read(path: Path, listing: Listing) -> dict[str, list[AnsweredQuestion]]:
    """Questions by image: a line is one, the next its answer.

    Raises:
        DataError: the file cannot be read, or does not alternate.
    """
    lines = [line.strip() for line in read_text(path).split("\n") if line.strip()]
    if len(lines) % 2:
        raise DataError(f"{path} has {len(lines):,} lines, an odd number: an answer follows each question")
    asked: dict[str, list[AnsweredQuestion]] = defaultdict(list)
    for number in range(0, len(lines), 2):
        told = ABOUT.search(lines[number])
        where = f"{path.name}, question {number // 2 + 1}"
        if told is None:
            listing.note(where, Kind.QUESTION, "does not end with the image that it is about, as in 'in the image3 ?'")
            continue
        image, text = told[1], clean(lines[number][: told.start()])
        things = sorted({thing for part in lines[number + 1].split(",") if (thing := clean(part))})
        if text and things:
            asked[image].append(AnsweredQuestion(f"{text} ?", ", ".join(things), _kind(text, things)))
        else:
            asked[image] += []
            listing.note(where, Kind.QUESTION, Kind.QUESTION, image)
    return asked


def _kind(question: str, things: Sequence[str]) -> str:
    """What a question is scored under: "several" things, or one "number", "color" or "object"."""
    if len(things) > 1:
        return "several"
    if things[0].isdecimal():
        return "number"
    return "color" if COLOR.search(question) else "object"
