"""Anybody's images: a folder, with captions in lists or beside each image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar, Literal

from typing_extensions import override

from bench.data.reading.base import FromFiles
from bench.data.reading.caption_texts import Reading
from bench.data.reading.examples import Listing
from bench.data.reading.own import OwnFolder
from bench.data.reading.own_folder import read_folder
from bench.data.reading.paths import find_root, reading
from bench.data.reading.problems import some
from bench.data.reading.remembered import state_of
from bench.data.reading.walk import walk
from bench.registry import datasets


@datasets.register("folder", offers=("captions",), reads_files=True)
@dataclass(frozen=True)
class Folder(FromFiles):
    """Any folder of images, in sub-folders or not; captions in lists of any of its folders, or beside each image.

    Lists are captions.* or metadata.*: CSV, JSON, JSON lines, Parquet. Beside a.jpg lies a.txt, a.caption or a.json.
    Sub-folders named after splits are the splits, else a hash of the name decides.
    txt: whether a .txt is one caption, or each of its lines is one. redistributable: whether records may show images
    and captions: yours to say.
    """

    txt: Literal["caption", "lines"] = "caption"
    redistributable: bool = False  # type: ignore[misc]  # a fact of other data sets, an argument here
    name: ClassVar[str] = "folder"
    get: ClassVar[str] = (
        "Name your own by --set folder.root=DIR: images, and captions.jsonl with lines like "
        '{"file": "cat.jpg", "captions": ["a cat"]}, or captions.csv (file,caption), or cat.txt beside cat.jpg'
    )

    @override
    def sources(self, root: Path) -> Sequence[Path]:
        return [root]

    @override
    def lacks(self, kind: str) -> str | None:
        root = find_root(self.name, self.root, self.get)
        with reading(root):
            own = self._own(root)
        if any(own.captions.values()):
            return None
        passed = f"; passed by: {some(own.passed_by)}" if own.passed_by else ""
        return (
            f"no captions.jsonl, .json, .csv or .parquet in {root} or its folders, nor metadata.*, "
            f"and no .txt, .caption or .json with captions beside an image{passed}"
        )

    @override
    def division(self, root: Path) -> str:
        return self._own(root).division.about

    @override
    def unused(self, root: Path) -> Sequence[str]:
        return self._own(root).remarks

    @override
    def listing(self, root: Path, split: str) -> Listing:
        return self._own(root).of_split(split)

    def _own(self, root: Path) -> OwnFolder:
        """All that the folder holds, read again only after a change. Raises `DataError` where a list cannot be used."""
        return _read(root, self.txt, state_of(f"{root}/{file.name}" for file in walk(root)))


@lru_cache(maxsize=1)
def _read(root: Path, how: Reading, state: str) -> OwnFolder:  # noqa: ARG001 - the state tells readings apart
    return read_folder(root, walk(root), how)
