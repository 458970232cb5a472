"""Flickr8k (Hodosh et al., 2013, JAIR 47), with the phrases and boxes of Flickr30k Entities (arXiv:1505.04870)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from typing_extensions import override

from bench.data.pixels.fit import Fit
from bench.data.reading import entities
from bench.data.reading.base import FromFiles
from bench.data.reading.examples import Example, ImageFile, Listing
from bench.data.reading.flickr_captions import read_captions
from bench.data.reading.json_rows import field, rows
from bench.data.reading.paths import find, find_innermost, find_optional, read_text
from bench.data.reading.problems import some
from bench.data.reading.splits import drawn, told_exactly
from bench.errors import DataError
from bench.registry import datasets

IMAGES = ("Flicker8k_Dataset", "Flickr8k_Dataset", "Images")
CAPTIONS = ("Flickr8k.token.txt", "captions.txt")
LISTS = {"train": "trainImages", "validation": "devImages", "test": "testImages"}
KARPATHY = "dataset_flickr8k.json"
"""A list of Karpathy's (cs.stanford.edu/people/karpathy/deepimagesent) that has the official splits as well."""
ENTITIES = "Flickr30kEntities"


@datasets.register("flickr8k", offers=("captions", "boxes"), reads_files=True)
@dataclass(frozen=True)
class Flickr8k(FromFiles):
    """8,000 photographs with five human captions each; phrases and boxes where Flickr30k Entities is there.

    The owners' tree, or the re-upload's Images/ and captions.txt; the official splits, from the owners' lists or from
    Karpathy's dataset_flickr8k.json. An expression is a phrase of a caption; where several boxes belong to it, its box
    is the least that holds them all (Rohrbach et al. 2016, arXiv:1511.03745).

    entities: the folder of Flickr30k Entities' Annotations/ and Sentences/; else they are looked for among this data
    set's files. Images are stretched to squares: a crop would cut away what phrases point at.
    """

    entities: Path | None = None
    name: ClassVar[str] = "flickr8k"
    get: ClassVar[str] = (
        "Get Flickr8k_Dataset.zip and Flickr8k_text.zip (a form at hockenmaier.cs.illinois.edu/8k-pictures.html asks "
        "for your name) and unpack both in the data set's folder; for boxes get annotations.zip from "
        "github.com/BryanPlummer/flickr30k_entities and name its folder by --set flickr8k.entities=DIR"
    )
    published: ClassVar[Mapping[str, Mapping[str, int]]] = {
        split: {"images": count, "captions": 5 * count}
        for split, count in (("train", 6_000), ("validation", 1_000), ("test", 1_000))
    }
    protocol_fit: ClassVar[Fit] = "stretch"
    training_fit: ClassVar[Fit | Literal["random crop"]] = "stretch"
    flip: ClassVar[bool] = True
    redistributable: ClassVar[bool] = False

    @override
    def sources(self, root: Path) -> Sequence[Path]:
        lists = [path for path in (*(_list(root, split) for split in LISTS), find_optional(root, KARPATHY)) if path]
        boxes = [] if self.lacks("boxes") else list(self._entities(root))
        return [find_innermost(root, *IMAGES), find(root, *CAPTIONS), *lists, *boxes]

    @override
    def lacks(self, kind: str) -> str | None:
        if kind != "boxes":
            return None
        try:
            self._entities(self.folder())
        except DataError as error:
            return f"flickr8k has boxes with Flickr30k Entities: {error}"
        return None

    @override
    def division(self, root: Path) -> str:
        if _lists(root):
            return ""
        return (
            "splits were drawn by hash of the names: neither Flickr_8k.trainImages.txt, .devImages.txt and "
            f".testImages.txt, which are the official ones, nor {KARPATHY} are there"
        )

    @override
    def unused(self, root: Path) -> Sequence[str]:
        official = _lists(root)
        if not official:
            return super().unused(root)
        listed = {name for names in official.values() for name in names}
        more = read_captions(find(root, *CAPTIONS), []).keys() - listed
        told = f"not read: {len(more):,} images with captions that are in no split's list: {some(more)}"
        return [*super().unused(root), *([told] if more else [])]

    @override
    def listing(self, root: Path, split: str) -> Listing:
        listing = Listing()
        captions = read_captions(find(root, *CAPTIONS), listing.problems)
        images = find_innermost(root, *IMAGES)
        official = _lists(root)
        own = official[split] if official else [key for key, part in drawn(captions).items() if part == split]
        boxes = None if self.lacks("boxes") else entities.Reader(*self._entities(root))
        for name in own:
            found = boxes.of(name, listing) if boxes else entities.Found()
            example = Example(
                name, ImageFile(images, name), captions.get(name, ()), boxes=found.expressions, scale=found.size
            )
            listing.add(example, ("captions",))
        mine = set(own)
        return listing.of_part(lambda key: key in mine, rest=split == "train")

    def _entities(self, root: Path) -> tuple[Path, Path]:
        """The folders Annotations/ and Sentences/. Raises `DataError` where one is missing."""
        folder = self.entities or find(root, ENTITIES)
        return find(folder, "Annotations"), find(folder, "Sentences")


def _list(root: Path, split: str) -> Path | None:
    return find_optional(root, f"Flickr_8k.{LISTS[split]}.txt")


def _lists(root: Path) -> dict[str, list[str]]:
    """Names of the images of each official split; empty where no list is there.

    Raises:
        DataError: some lists are there and some are not, or an image is in two.
    """
    paths = {split: _list(root, split) for split in LISTS}
    if not any(paths.values()):
        path = find_optional(root, KARPATHY)
        return _karpathys(path) if path else {}
    lists: dict[str, list[str]] = defaultdict(list)
    for split, path in paths.items():
        if path is None:
            raise DataError(f"{root}: Flickr_8k.{LISTS[split]}.txt is missing, and the other lists are there")
        lists[split] = [line.strip() for line in read_text(path).split("\n") if line.strip()]
    names = [name for own in lists.values() for name in own]
    if len(set(names)) != len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise DataError(f"{root}: {some(twice)} in two of the lists of splits, or twice in one")
    return dict(lists)


def _karpathys(path: Path) -> dict[str, list[str]]:
    """Names of the images of each split in Karpathy's list. Raises `DataError` where it is no such list."""
    lists: dict[str, list[str]] = {split: [] for split in LISTS}
    for row in rows(path, "images"):
        split = told_exactly(field(row, "split", str, path))
        if split is None:
            raise DataError(f"{path}: {field(row, 'split', str, path)!r:.40} is no split")
        lists[split].append(field(row, "filename", str, path))
    return lists
