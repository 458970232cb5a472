"""What a loader finds in a data set's own files: one example an image, nothing decoded yet."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

from PIL import Image

from bench.data.reading.paths import inside, printable
from bench.errors import DataError


class Problem(NamedTuple):
    """Something that was left out. file: as the user knows it. what: one line."""

    file: str
    what: str


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
            with inside(self.folder, self.name).open("rb") as file:
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


class Asked(NamedTuple):
    """A question about an image; see `bench.contracts.Question`."""

    text: str
    answer: str
    kind: str
    answers: tuple[str, ...] = ()


class Pointed(NamedTuple):
    """An expression and the box it refers to, (left, top, width, height) in pixels of the original image."""

    text: str
    box: tuple[float, float, float, float]


class Mask(Protocol):
    """Class ids of an image's pixels."""

    def draw(self, size: tuple[int, int]) -> Image.Image:
        """Mode "L", as large as the image, (width, height). Raises `DataError` where the mask cannot be made."""


@dataclass(frozen=True)
class Example:
    """One image and what is said about it.

    key: its identity in the data set; orders the examples and decides what is held out. size: (width, height) that the
    annotations claim, where boxes depend on it.
    """

    key: str
    image: ImageFile
    captions: tuple[str, ...] = ()
    questions: tuple[Asked, ...] = ()
    boxes: tuple[Pointed, ...] = ()
    mask: Mask | None = None
    size: tuple[int, int] | None = None


@dataclass
class Listing:
    """The examples of a split, and what its files name that cannot be used."""

    examples: list[Example] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def add(self, example: Example, needs: tuple[str, ...] = ()) -> None:
        """Take an example, or note which of `needs` (field names) it has none of."""
        lacking = [need for need in needs if not getattr(example, need)]
        if lacking:
            self.problems.append(Problem(str(example.image), f"no {' and no '.join(lacking)}"))
        else:
            self.examples.append(example)


class MaskFile(NamedTuple):
    """A mask stored as an image of class ids."""

    file: ImageFile

    def draw(self, size: tuple[int, int]) -> Image.Image:
        """See `Mask`."""
        from bench.data.pixels.pictures import open_label

        return open_label(self.file.read()).resize(size, Image.Resampling.NEAREST)


class MaskParts(NamedTuple):
    """A mask stored as one black and white image for each class that is there; a later one covers an earlier one."""

    parts: tuple[tuple[int, ImageFile], ...]

    def draw(self, size: tuple[int, int]) -> Image.Image:
        """See `Mask`."""
        from bench.data.pixels.pictures import open_label

        mask = Image.new("L", size)
        for label, file in self.parts:
            part = open_label(file.read()).resize(size, Image.Resampling.NEAREST)
            mask.paste(label, mask=part.point(lambda value: 255 if value > 0 else 0))
        return mask
