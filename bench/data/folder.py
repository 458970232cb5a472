"""Anybody's images: a folder, with captions in one file or beside each image."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar

from typing_extensions import override

from bench.data.reading.base import FromFiles
from bench.data.reading.examples import ENDINGS, TEXT_KEYS, Example, ImageFile, Listing
from bench.data.reading.json_rows import parse_json
from bench.data.reading.paths import (
    captions_in,
    clean,
    find_root,
    inside,
    printable,
    read_text,
    reading,
    safe_name,
)
from bench.data.reading.problems import Kind, Problem
from bench.data.reading.splits import SPLIT_NAMES, by_hash, without_validation
from bench.data.reading.walk import Found, walk
from bench.errors import DataError
from bench.registry import datasets

LISTS = ("captions.jsonl", "captions.csv", "metadata.jsonl", "metadata.csv")
"""Files that may list captions; the first that is there is read."""
FILE_KEYS = ("file", "file_name", "image", "path")
"""Names under which a row may give its image's file; `TEXT_KEYS` likewise its caption or captions."""


@datasets.register("folder", offers=("captions",), reads_files=True)
@dataclass(frozen=True)
class Folder(FromFiles):
    """Any folder of images, in sub-folders or not; captions in captions.jsonl, captions.csv or IMAGE.txt.

    With sub-folders train/ and test/ (and validation/) these are the splits, else a hash of the name decides.
    """

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
            if any((root / name).exists() for name in LISTS) or any(file.name.endswith(".txt") for file in walk(root)):
                return None
        return f"no {' or '.join(LISTS[:2])} in {root}, and no .txt beside an image"

    @override
    def listing(self, root: Path, split: str) -> Listing:
        listing = Listing()
        captions, wanted = _captions(root, listing.problems), () if self.lacks("captions") else ("captions",)
        folders = _split_folders(root)
        files = _images(root, folders, listing)
        for name in captions.keys() - files.keys():
            listing.note(name[:80], Kind.STRAY, "captions of an image that is not there")
        for key, file in files.items():
            if _split_of(key, folders) == split:
                try:
                    texts = tuple(captions.get(key, ())) or _beside(file)
                except DataError as error:
                    listing.note(key[:80], Kind.ANNOTATION, error)
                else:
                    listing.add(Example(key, ImageFile(file.base, file.below), texts), wanted)
        return listing


def _images(root: Path, folders: dict[str, str], listing: Listing) -> dict[str, Found]:
    """The images below a folder by their keys.

    One that links give a second name counts once, by the name without a link: else it might be in training and in test.
    In folders that are splits it may be in several, since the user says so.
    """
    images: dict[tuple[str | None, str], Found] = {}
    for file in sorted(walk(root), key=lambda file: (file.base != root, file.name.split("/"))):
        if file.lost:
            listing.note(printable(file.name)[:80], Kind.INCOMPLETE, file.lost)
        elif PurePosixPath(file.name).suffix.lower() in ENDINGS:
            images.setdefault((folders.get(file.name.partition("/")[0]), file.real), file)
    return {printable(file.name): file for file in images.values()}


def _beside(file: Found) -> tuple[str, ...]:
    """Captions in the text file beside an image. Raises `DataError` where it cannot be read, or lies elsewhere."""
    name = str(PurePosixPath(file.below).with_suffix(".txt"))
    return captions_in(inside(file.base, name)) if (file.base / name).exists() else ()


def _split_folders(root: Path) -> dict[str, str]:
    """Sub-folders that are splits, to their splits; empty unless there are both train and test."""
    folders = {name: split for split, names in SPLIT_NAMES.items() for name in names if (root / name).is_dir()}
    return folders if {"train", "test"} <= set(folders.values()) else {}


def _split_of(name: str, folders: dict[str, str]) -> str | None:
    """The split of an image; None where it lies outside the folders that are splits."""
    if not folders:
        return by_hash(name)
    return without_validation(folders.get(name.partition("/")[0]), name, folders.values())


def _captions(root: Path, problems: list[Problem]) -> dict[str, list[str]]:
    """Captions of the first of the lists that is there, by image.

    Raises:
        DataError: the list cannot be read, or lacks a column.
    """
    captions: dict[str, list[str]] = defaultdict(list)
    path = next((root / name for name in LISTS if (root / name).exists()), None)
    if path is None:
        return captions
    read = _json_lines if path.suffix == ".jsonl" else _csv_lines
    for number, (name, texts) in enumerate(read(path), 1):
        given = [clean(text) for text in (texts if isinstance(texts, list) else [texts])]
        try:
            captions[printable(Path(safe_name(name)).as_posix())] += [text for text in given if text]
        except DataError as error:
            problems.append(Problem(f"{path.name}, row {number}", Kind.ANNOTATION, str(error)))
        if not any(given):
            problems.append(Problem(f"{path.name}, row {number}", Kind.CAPTION, Kind.CAPTION))
    return {name: texts for name, texts in captions.items() if texts}


def _json_lines(path: Path) -> Iterator[tuple[Any, Any]]:
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if line.strip():
            yield _pair(parse_json(line, f"{path}, line {number}"), f"{path}, line {number}")


def _csv_lines(path: Path) -> Iterator[tuple[Any, Any]]:
    try:
        for number, row in enumerate(csv.DictReader(io.StringIO(read_text(path), newline=""), strict=True), 2):
            yield _pair(row, f"{path}, line {number}")
    except csv.Error as error:
        raise DataError(f"{path} is not CSV: {error}") from error


def _pair(row: Any, where: str) -> tuple[Any, Any]:
    """A row's file and its caption or captions. Raises `DataError` where either is missing."""
    if isinstance(row, dict):
        names = [row[key] for key in FILE_KEYS if key in row]
        texts = [row[key] for key in TEXT_KEYS if key in row]
        if names and texts:
            return names[0], texts[0]
    raise DataError(f"{where} needs {' or '.join(FILE_KEYS)}, and {' or '.join(TEXT_KEYS)}")
