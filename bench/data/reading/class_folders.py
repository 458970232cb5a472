"""Folders of classes: which image in them is of which class."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from bench.data.reading.examples import ENDINGS, ImageFile
from bench.data.reading.paths import entries_of, printable, read_text
from bench.data.reading.walk import walk

FLAT = frozenset({"images", "image", "imgs", "img"})
"""A lone folder of such a name is no class: the images of several classes are in it."""
FEW, ENOUGH = 20, 2_000
"""Folders, and files in each, that are looked at for an image."""


class ClassImage(NamedTuple):
    """An image of a class. key: class and name. lost: why it cannot be used; else empty."""

    key: str
    category: str
    file: ImageFile
    lost: str = ""


@dataclass(frozen=True)
class SplitFolder:
    """A folder of a split: with one folder a class in it, or with images whose classes `labels` says.

    labels: the list that says so, if there is one.
    """

    path: Path
    labels: Path | None = None

    def classes(self) -> set[str]:
        """The names of all classes, as bytes of a name that are not UTF-8 can be written."""
        if self.labels:
            return set(_read_labels(self.labels).values())
        return {printable(folder.name) for folder in class_folders(self.path)}

    def images(self) -> Iterator[ClassImage]:
        """Every image, in the order of names; also those that a list names and that are not there, as lost.

        Raises:
            DataError: the list cannot be read.
        """
        if self.labels:
            yield from _labelled(self.path, self.labels)
            return
        for entry in entries_of(self.path):
            if entry.is_symlink() and not Path(entry.path).exists():
                name = printable(entry.name)
                yield ClassImage(name, name, ImageFile(self.path, entry.name), "a link that leads nowhere")
        for folder in class_folders(self.path):
            for found in walk(folder):
                if found.lost or is_image(found.name):
                    key = printable(f"{folder.name}/{found.name}")
                    yield ClassImage(key, printable(folder.name), ImageFile(found.base, found.below), found.lost)


def is_image(name: str) -> bool:
    """Whether a file of this name counts as an image."""
    return PurePosixPath(name).suffix.lower() in ENDINGS


def class_folders(folder: Path) -> list[Path]:
    """The folders in a split's folder, one a class, those behind links too; none where its images lie together."""
    inner = [Path(entry.path) for entry in entries_of(folder) if entry.is_dir()]
    return [] if {path.name.casefold() for path in inner} <= FLAT else inner


def holds_classes(folder: Path) -> bool:
    """Whether one of the first folders in a folder is a class."""
    return any(map(holds_images, islice(class_folders(folder), FEW)))


def holds_images(folder: Path) -> bool:
    """Whether one of the first files below a folder is an image."""
    return any(is_image(found.name) for found in islice(walk(folder), ENOUGH))


def _labelled(folder: Path, labels: Path) -> Iterator[ClassImage]:
    """The images below a folder, whose classes a list says."""
    left = _read_labels(labels)
    for found in walk(folder):
        if not is_image(found.name):
            continue
        stem = PurePosixPath(found.name).stem
        category = left.pop(stem, "")
        lost = found.lost if category else f"not in {labels.name}"
        yield ClassImage(printable(f"{category}/{stem}"), category, ImageFile(found.base, found.below), lost)
    for stem, category in left.items():
        what = f"no such file, but {labels.name} names it"
        yield ClassImage(printable(f"{category}/{stem}"), category, ImageFile(folder, stem), what)


def _read_labels(path: Path) -> dict[str, str]:
    """The class of each image, by the name of its file without ending: the first two words of a line.

    Neither names nor classes have spaces or commas in them; in the Kaggle page's list boxes follow, and its first line
    is a header, which names no file.
    """
    header = 1 if path.suffix == ".csv" else 0
    lines = [line.replace(",", " ").split() for line in read_text(path).splitlines()[header:]]
    return {PurePosixPath(words[0]).stem: words[1] for words in lines if len(words) > 1}
