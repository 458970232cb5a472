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
from bench.data.reading.splits import belongs
from bench.errors import DataError
from bench.registry import datasets

TEXTS = ("text_c10", "birds/text", "text/text", "text")
QUESTION = "what bird is this?"


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
    published: ClassVar[Mapping[str, Mapping[str, int]]] = {
        "train": {"images": 5_994, "captions": 59_940},
        "test": {"images": 5_794, "captions": 57_940},
    }
    training_fit: ClassVar[Fit | Literal["random crop"]] = "random crop"
    flip: ClassVar[bool] = True

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
        wanted = self._part(root, "test" if split == "test" else "train")
        for number, name in _table(_birds(root, "images.txt")).items():
            try:
                safe_name(name)
                if (number in wanted or _stem(name) in wanted) and (split == "test" or belongs(split, name)):
                    kind = PurePosixPath(name).parent.name.partition(".")[2].replace("_", " ").lower()
                    example = Example(
                        name,
                        ImageFile(images, name),
                        captions_in(texts / f"{_stem(name)}.txt"),
                        (AnsweredQuestion(QUESTION, kind, "class"),) if kind and self.partition == "official" else (),
                        (Expression(f"the {kind}", _box(boxes.get(number), number)),),
                    )
                    listing.add(example, ("captions",))
            except DataError as error:
                listing.note(name[:80], Kind.ANNOTATION, error)
        return listing

    def _part(self, root: Path, part: str) -> set[str]:
        """Numbers, or names without ending, of the images of "train" or "test"."""
        if self.partition == "class-disjoint":
            return set(plain_pickle.names(_names(root, part)))
        flags = _table(_birds(root, "train_test_split.txt"))
        return {number for number, flag in flags.items() if flag == ("1" if part == "train" else "0")}


def _birds(root: Path, name: str) -> Path:
    return find(root, name, f"CUB_200_2011/{name}")


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
