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
from bench.data.reading.examples import Example, ImageFile, Listing
from bench.data.reading.paths import find
from bench.data.reading.problems import Kind
from bench.data.reading.splits import belongs
from bench.errors import DataError
from bench.registry import datasets


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
    published: ClassVar[Mapping[str, Mapping[str, int]]] = {
        "train": {"images": 82_783, "captions": 414_113},
        "test": {"images": 40_504, "captions": 202_654},
    }
    flip: ClassVar[bool] = True

    @override
    def sources(self, root: Path) -> Sequence[Path]:
        parts = [f"{part}{self.year}" for part in ("train", "val")]
        needed = [path for part in parts for path in (coco_files.image_folder(root, part), self._captions(root, part))]
        return needed + [path for part in parts if (path := self._instances(root, part)).exists()]

    @override
    def lacks(self, kind: str) -> str | None:
        root = self.folder()
        absent = [path for part in ("train", "val") if not (path := self._instances(root, part + self.year)).exists()]
        return f"coco offers {kind} with {absent[0]}, which is missing" if absent and kind != "captions" else None

    @override
    def listing(self, root: Path, split: str) -> Listing:
        listing = Listing()
        part = f"{'val' if split == 'test' else 'train'}{self.year}"
        folder = coco_files.image_folder(root, part)
        images = coco_files.read_images(self._captions(root, part), listing.problems)
        captions = coco_files.read_captions(self._captions(root, part), listing.problems)
        for number in captions.keys() - images.keys():
            listing.note(f"image {number}", Kind.STRAY, "captions of an image that is not listed")
        instances = self._instances(root, part)
        boxes, masks, _ = coco_files.read_instances(instances, listing.problems) if instances.exists() else ({}, {}, {})
        empty = Segments(()) if instances.exists() else None
        for number, image in images.items():
            if split == "test" or belongs(split, str(number)):
                example = Example(
                    str(number),
                    ImageFile(folder, image.name),
                    captions.get(number, ()),
                    boxes=boxes.get(number, ()),
                    mask=masks.get(number, empty),
                    size=image.size,
                )
                listing.add(example, ("captions",))
        return listing

    @staticmethod
    def _captions(root: Path, part: str) -> Path:
        return coco_files.caption_file(root, part)

    @staticmethod
    def _instances(root: Path, part: str) -> Path:
        try:
            return find(root, f"annotations/instances_{part}.json")
        except DataError:
            return root / f"annotations/instances_{part}.json"
