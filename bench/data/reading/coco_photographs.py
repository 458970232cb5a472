"""Where the photographs of MS-COCO 2014 lie: in its own folders, or in those of 2017, which hold the same ones."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from bench.data.reading.examples import ImageFile
from bench.data.reading.paths import entries_of, find, find_optional

LATER = ("train2017", "val2017")
"""All of 2014's images are in one of these two, under their number alone."""
NUMBERED = re.compile(r"[0-9]{12}\.jpg")
"""A file's name in 2017's folders, and in some copies of 2014's."""


@dataclass(frozen=True)
class Photographs:
    """The images of "train2014" or "val2014", by their id.

    folders: where they lie, the larger one first. prefix: of a file's name, before the id. second: the names of the
    files in the second folder.
    """

    folders: tuple[Path, ...]
    prefix: str
    second: frozenset[str]

    def of(self, number: int) -> ImageFile:
        """An image. Its id has twelve digits: LG-VQ's loader wrote them unpadded and so lost all ids below 100,000."""
        name = f"{self.prefix}{number:012d}.jpg"
        return ImageFile(self.folders[name in self.second], name)


def image_folder(root: Path, part: str) -> Path:
    """The folder of images of "train2014", "val2017" ... Raises `DataError` where there is none."""
    return find(root, part)


def photographs(root: Path, part: str) -> Photographs:
    """The images of "train2014" or "val2014". Raises `DataError` where they lie in neither year's folders."""
    own = find_optional(root, part)
    later = tuple(folder for year in LATER if (folder := find_optional(root, year)))
    if own is None and later:
        second = frozenset(entry.name for folder in later[1:] for entry in entries_of(folder))
        return Photographs(later, "", second)
    folder = own or image_folder(root, part)
    with os.scandir(folder) as entries:
        numbered = any(NUMBERED.fullmatch(entry.name) for entry in entries)
    return Photographs((folder,), "" if numbered else f"COCO_{part}_", frozenset())
