"""CUB-200-2011 (Wah et al., 2011) with the captions of Reed et al. (2016, arXiv:1605.05395)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import ClassVar, Literal

from typing_extensions import override

from bench.data.pixels.fit import Fit, Rectangle
from bench.data.reading import plain_pickle
from bench.data.reading.base import FromFiles
from bench.data.reading.examples import AnsweredQuestion, Example, Expression, ImageFile, Listing
from bench.data.reading.paths import captions_in, find, read_text, safe_name
from bench.data.reading.problems import Kind
from bench.data.reading.splits import share
from bench.errors import DataError
from bench.registry import datasets

TEXTS = ("text_c10", "birds/text/text", "birds/text", "text/text", "text")
QUESTION = "what bird is this?"
FLAGS = {"train": "1", "test": "0"}
"""In train_test_split.txt."""


PUBLISHED = {
    "official": {"train": {"images": 5_994, "captions": 59_940}, "test": {"images": 5_794, "captions": 57_940}},
    "class-disjoint": {"train": {"images": 8_855, "captions": 88_550}, "test": {"images": 2_933, "captions": 29_330}},
}


@datasets.register("cub200", offers=("captions", "questions", "boxes"), reads_files=True)
@dataclass(frozen=True)
class Cub200(FromFiles):
    """11,788 birds of 200 kinds with ten captions each; the kind is asked for, and the bird has a box.

    partition: "official" is train_test_split.txt, which LG-VQ uses; "class-disjoint" is that of AttnGAN and
    VQ-Diffusion, whose test birds are of other kinds (from train/ and test/filenames.pickle).
    """

    partition: Literal["official", "class-disjoint"] = "official"
    name: ClassVar[str] = "cub200"
    get: ClassVar[str] = (
        "From data.caltech.edu/records/65de6-vp158 get CUB_200_2011.tgz, from github.com/taoxugit/AttnGAN the birds "
        "text (birds.zip), and unpack both in the data set's folder"
    )
    redistributable: ClassVar[bool] = False
    training_fit: ClassVar[Fit | Literal["random crop"]] = "random crop"
    flip: ClassVar[bool] = True

    @property
    def published(self) -> Mapping[str, Mapping[str, int]]:  # type: ignore[override]
        """As its owners give them: they differ with the partition."""
        return PUBLISHED[self.partition]

    @override
    def sources(self, root: Path) -> Sequence[Path]:
        names = ("images.txt", "train_test_split.txt", "bounding_boxes.txt")
        lists = [_birds(root, name) for name in names if self.partition == "official" or name != names[1]]
        if self.partition == "class-disjoint":
            lists += [_names(root, part) for part in ("train", "test")]
        return [*lists, _birds(root, "images"), find(root, *TEXTS)]

    @override
    def lacks(self, kind: str) -> str | None:
        if kind == "questions" and self.partition == "class-disjoint":
            return "cub200 with partition=class-disjoint has test birds of kinds that training does not have"
        return None

    @override
    def listing(self, root: Path, split: str) -> Listing:
        listing = Listing()
        images, texts = _birds(root, "images"), find(root, *TEXTS)
        boxes = _table(_birds(root, "bounding_boxes.txt"))
        birds = self._part(root, "test" if split == "test" else "train", listing)
        mine = share(split, list(birds))
        for name, number in birds.items():
            if not mine(name):
                continue
            kind = PurePosixPath(name).parent.name.partition(".")[2].replace("_", " ").lower()
            asked = (AnsweredQuestion(QUESTION, kind, "class"),) if kind and self.partition == "official" else ()
            pointed = list[Expression]()
            try:
                safe_name(name)
                captions = captions_in(texts / f"{_stem(name)}.txt")
            except DataError as error:
                listing.lose(name[:80], Kind.ANNOTATION, error, name)
                continue
            try:
                pointed.append(Expression(f"the {kind}", _box(boxes.get(number), number)))
            except DataError as error:
                listing.note(name[:80], Kind.OBJECT, error, name)
            listing.add(Example(name, ImageFile(images, name), captions, asked, tuple(pointed)), ("captions",))
        return listing.of_part(mine, split != "validation")

    def _part(self, root: Path, part: str, listing: Listing) -> dict[str, str]:
        """The number of each image of "train" or "test", by its name in images.txt; others of the pickle are lost."""
        names = _table(_birds(root, "images.txt"))
        if self.partition == "official":
            flags = _table(_birds(root, "train_test_split.txt"))
            for number, name in names.items():
                if flags.get(number) not in FLAGS.values() and part == "train":
                    listing.lose(name[:80], Kind.ANNOTATION, "no 0 or 1 in train_test_split.txt", name)
            return {name: number for number, name in names.items() if flags.get(number) == FLAGS[part]}
        path = _names(root, part)
        by_stem = {_stem(name): (name, number) for number, name in names.items()}
        birds = dict[str, str]()
        for given in plain_pickle.names(path):
            stem = given.strip().removesuffix(".jpg")  # copies with other line ends have them in the names
            if stem in by_stem:
                name, number = by_stem[stem]
                birds[name] = number
            else:
                what = f"{given!r:.80} is not in images.txt"
                listing.lose(f"{path.parent.name}/{path.name}", Kind.STRAY, what, given)
        return birds


def _birds(root: Path, name: str) -> Path:
    """A list of the owners', or the folder of images beside them. Raises `DataError` where it is missing."""
    return find(find(root, "images.txt").parent, name)


def _names(root: Path, part: str) -> Path:
    return find(root, f"birds/{part}/filenames.pickle", f"{part}/filenames.pickle")


def _stem(name: str) -> str:
    return str(PurePosixPath(name).with_suffix(""))


def _table(path: Path) -> dict[str, str]:
    """A list with lines "number value ...", as number to value.

    Raises:
        DataError: a line has no value, or a number is there twice.
    """
    values: dict[str, str] = {}
    for line in read_text(path).splitlines():
        number, _, value = line.strip().partition(" ")
        if not number:
            continue
        if not value.strip() or number in values:
            raise DataError(f"{path}: {line[:80]!r} has no value, or its number is there twice")
        values[number] = value.strip()
    return values


def _box(text: str | None, number: str) -> Rectangle:
    """The box of image `number`, (left, top, width, height). Raises `DataError` where it is not four numbers."""
    try:
        left, top, width, height = (float(part) for part in (text or "").split())
    except ValueError as error:
        raise DataError(f"bounding_boxes.txt has no box for image {number}") from error
    return left, top, width, height
