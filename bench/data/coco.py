"""MS-COCO: captions, boxes and masks (Chen et al., 2015, arXiv:1504.00325)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from typing_extensions import override

from bench.data.reading import coco_files
from bench.data.reading.base import FromFiles
from bench.data.reading.coco_masks import Segments
from bench.data.reading.coco_photographs import image_folder
from bench.data.reading.examples import Example, ImageFile, Listing
from bench.data.reading.paths import find_optional
from bench.data.reading.problems import Kind
from bench.data.reading.splits import share
from bench.errors import DataError
from bench.registry import datasets

PUBLISHED = {
    "2014": {"train": {"images": 82_783, "captions": 414_113}, "test": {"images": 40_504, "captions": 202_654}},
    "2017": {"train": {"images": 118_287, "captions": 591_753}, "test": {"images": 5_000, "captions": 25_014}},
}


@datasets.register("coco", offers=("captions", "boxes", "masks"), reads_files=True)
@dataclass(frozen=True)
class Coco(FromFiles):
    """MS-COCO 2014 (as LG-VQ has it) or 2017: five captions an image, boxes and masks of 80 categories.

    Its "val" images are the test split; validation is held out of "train". LG-VQ's loader had each caption as an item
    of its own; here, as for every data set, an image is an item and its caption is drawn anew each time.
    """

    year: Literal["2014", "2017"] = "2014"
    name: ClassVar[str] = "coco"
    get: ClassVar[str] = (
        "From images.cocodataset.org get zips/train2014.zip, zips/val2014.zip and "
        "annotations/annotations_trainval2014.zip (or 2017), and unpack all three in the data set's folder"
    )
    redistributable: ClassVar[bool] = False
    flip: ClassVar[bool] = True

    @property
    def published(self) -> Mapping[str, Mapping[str, int]]:  # type: ignore[override]
        """As its owners give them: they differ with the year."""
        return PUBLISHED[self.year]

    @override
    def sources(self, root: Path) -> Sequence[Path]:
        parts = [f"{part}{self.year}" for part in ("train", "val")]
        folders = [_image_folder(root, part) for part in parts]
        captions = [coco_files.caption_file(root, part) for part in parts]
        instances = [path for part in parts if (path := coco_files.instances_file(root, part))]
        return [*folders, *captions, *instances]

    @override
    def lacks(self, kind: str) -> str | None:
        absent = [part for part in ("train", "val") if not coco_files.instances_file(self.folder(), part + self.year)]
        if not absent or kind == "captions":
            return None
        return f"coco has {kind} in annotations/instances_{absent[0]}{self.year}.json, which is missing"

    @override
    def listing(self, root: Path, split: str) -> Listing:
        listing = Listing()
        part = f"{'val' if split == 'test' else 'train'}{self.year}"
        folder, path = _image_folder(root, part), coco_files.caption_file(root, part)
        images = coco_files.read_images(path, listing.problems)
        mine = share(split, [*map(str, images), *(problem.image for problem in listing.problems)])
        captions = coco_files.read_captions(path, listing.problems)
        for number in captions.keys() - images.keys():
            listing.note(f"image {number}", Kind.STRAY, "captions of an image that is not listed", str(number))
        instances = coco_files.instances_file(root, part)
        objects = coco_files.Objects({}, {}, {})
        if instances:
            objects = coco_files.read_objects(instances, images, listing.problems)
        empty = Segments(()) if instances else None
        for number, image in images.items():
            if mine(str(number)):
                example = Example(
                    str(number),
                    ImageFile(folder, image.name),
                    captions.get(number, ()),
                    boxes=objects.named.get(number, ()),
                    mask=objects.masks.get(number, empty),
                    size=image.size,
                )
                listing.add(example, ("captions",))
        return listing.of_part(mine, split != "validation")


def _image_folder(root: Path, part: str) -> Path:
    """The folder of images. Raises `DataError` where there is none; the other year's is named."""
    other = part.replace("2014", "2017") if part.endswith("2014") else part.replace("2017", "2014")
    try:
        return image_folder(root, part)
    except DataError as error:
        if find_optional(root, other):
            raise DataError(f"{error}; {other} is there, which --set coco.year={other[-4:]} reads") from error
        raise
