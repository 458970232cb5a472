"""What a loader finds in a data set's own files: one example an image, nothing decoded yet."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from PIL import Image
from typing_extensions import override

from bench.data.pixels.fit import Rectangle
from bench.data.reading.paths import inside, open_file, printable
from bench.data.reading.problems import Kind, Problem
from bench.errors import DataError

ENDINGS = frozenset(
    {
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".png",
        ".apng",
        ".webp",
        ".avif",
        ".bmp",
        ".gif",
        ".tif",
        ".tiff",
        ".ppm",
        ".pgm",
    }
)
"""Of files that count as images where a user's folder or archive does not say which are."""
UNREAD_ENDINGS = frozenset(
    {".heic", ".heif", ".jxl", ".jp2", ".j2k", ".svg", ".eps", ".psd", ".exr", ".hdr", ".tga", ".ico", ".dng", ".cr2"}
    | {".cr3", ".nef", ".arw", ".raw"}
)
"""Of images of kinds that are not read: they are named, not passed over."""
MAX_IMAGE_BYTES = 2**28
"""Size of one image's file; what is larger is left out."""


class ImageFile(NamedTuple):
    """An image's bytes: a whole file below `folder`, or a part of one (of a tar archive) where `size` is given."""

    folder: Path
    name: str
    offset: int = 0
    size: int | None = None

    def read(self) -> bytes:
        """The bytes.

        Raises:
            DataError: there is no such file, it cannot be read, or it lies outside the folder.
        """
        try:
            with open_file(inside(self.folder, self.name)) as file:
                if self.size is None and os.fstat(file.fileno()).st_size > MAX_IMAGE_BYTES:
                    raise DataError(f"is too large: more than {MAX_IMAGE_BYTES // 2**20} MiB")
                file.seek(self.offset)
                return file.read(-1 if self.size is None else self.size)
        except FileNotFoundError as error:
            raise DataError("no such file") from error
        except (OSError, ValueError) as error:  # a value error: no name that a file could have
            raise DataError(f"cannot be read: {getattr(error, 'strerror', None) or error}") from error

    def __str__(self) -> str:
        return printable(f"{self.folder.name}/{self.name}") + (
            f" at byte {self.offset}" if self.size is not None else ""
        )


class AnsweredQuestion(NamedTuple):
    """A question about an image; the fields of `bench.contracts.data.Question`."""

    text: str
    answer: str
    kind: str
    answers: tuple[str, ...] = ()


class Expression(NamedTuple):
    """An expression and the box it refers to, (left, top, width, height) in pixels of the original image."""

    text: str
    box: Rectangle


class Mask(ABC):
    """Class ids of an image's pixels, 0 where there is none; read or made when they are asked for."""

    @abstractmethod
    def paint(self, size: tuple[int, int]) -> Image.Image:
        """The ids in mode "L", as large as the image, (width, height). Raises `DataError` where they cannot be had."""


@dataclass(frozen=True)
class MaskFile(Mask):
    """A mask stored as an image of class ids."""

    file: ImageFile

    @override
    def paint(self, size: tuple[int, int]) -> Image.Image:
        from bench.data.pixels.pictures import open_label

        return open_label(self.file.read()).resize(size, Image.Resampling.NEAREST)


@dataclass(frozen=True)
class MaskParts(Mask):
    """A mask stored as one black and white image for each class that is there; a later one covers an earlier one.

    parts: (class id, image) each.
    """

    parts: tuple[tuple[int, ImageFile], ...]

    @override
    def paint(self, size: tuple[int, int]) -> Image.Image:
        from bench.data.pixels.pictures import open_label

        mask = Image.new("L", size)
        for label, file in self.parts:
            part = open_label(file.read()).resize(size, Image.Resampling.NEAREST)
            mask.paste(label, mask=part.point(lambda value: 255 if value > 0 else 0))
        return mask


@dataclass(frozen=True)
class Example:
    """One image and what is said about it.

    key: its identity in the data set; orders the examples and decides what is held out. size: (width, height) that the
    annotations claim, where boxes depend on it. scale: (width, height) of the image that boxes are measured in, where
    reduced copies of it go around as well.
    """

    key: str
    image: ImageFile
    captions: tuple[str, ...] = ()
    questions: tuple[AnsweredQuestion, ...] = ()
    boxes: tuple[Expression, ...] = ()
    mask: Mask | None = None
    size: tuple[int, int] | None = None
    scale: tuple[int, int] | None = None


@dataclass
class Listing:
    """The examples of a split, and what its files name that cannot be used."""

    examples: list[Example] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def add(self, example: Example, needs: tuple[str, ...] = ()) -> None:
        """Take an example, or lose it to what it has none of among `needs` (names of its fields)."""
        lacking = [need for need in needs if not getattr(example, need)]
        if lacking:
            self.lose(str(example.image), Kind.INCOMPLETE, f"no {' and no '.join(lacking)}", example.key)
        else:
            self.examples.append(example)

    def lose(self, file: str, kind: Kind, what: object, image: str) -> None:
        """Note what costs an image of this split; see `Problem`."""
        self.problems.append(Problem(file, kind, str(what), image, lost=1))

    def note(self, file: str, kind: Kind, what: object, image: str = "") -> None:
        """Note what costs an annotation alone; image: the key of the image that it is about, if that is known."""
        self.problems.append(Problem(file, kind, str(what), image))

    def of_part(self, mine: Callable[[str], bool], rest: bool) -> Listing:
        """What of this listing, of files that serve several splits, is to be told in one of them.

        mine: whether an image's key belongs to the split. rest: whether problems that name no image are told there.
        """
        told = [problem for problem in self.problems if (mine(problem.image) if problem.image else rest)]
        return Listing(self.examples, told)

    def once(self) -> Listing:
        """The same, where an image that is lost is told once: what is wrong with its annotations is part of why."""
        reasons: dict[str, list[str]] = {problem.image: [] for problem in self.problems if problem.lost}
        kept, seen = list[Problem](), set[str]()
        for problem in self.problems:
            if problem.image in reasons and not problem.lost:
                reasons[problem.image].append(f"{problem.file}: {problem.what}")
        for problem in self.problems:
            if problem.image not in reasons or not problem.image:
                kept.append(problem)
            elif problem.lost and problem.image not in seen:
                seen.add(problem.image)
                why = f" ({'; '.join(reasons[problem.image][:2])})" if reasons[problem.image] else ""
                kept.append(problem._replace(what=problem.what + why))
        return Listing(self.examples, kept)
