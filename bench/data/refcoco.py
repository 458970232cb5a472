"""RefCOCO, RefCOCO+ and RefCOCOg (Yu et al., 2016, arXiv:1608.00272): expressions that point at one object."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from typing_extensions import override

from bench.data.pixels.fit import Fit
from bench.data.reading import coco_files, plain_pickle
from bench.data.reading.base import FromFiles
from bench.data.reading.coco_photographs import photographs
from bench.data.reading.examples import Example, Expression, ImageFile, Listing
from bench.data.reading.json_rows import field
from bench.data.reading.paths import clean, find
from bench.data.reading.problems import Kind
from bench.data.reading.splits import HELD_OUT, share
from bench.errors import DataError
from bench.registry import datasets

SPLITS = {
    "unc": {"train": "train", "validation": "val", "test": "testA", "test-b": "testB"},
    "google": {"train": "train", "validation": "val", "test": "test"},
    "umd": {"train": "train", "validation": "val", "test": "test"},
}
WITHOUT_TEST = {"train": "train", "validation": "train", "test": "val"}
"""RefCOCOg by Google: papers test on "val". Validation is held out of "train" by object, as Google divided them."""
BY = {"refcoco": ("unc", "google"), "refcoco+": ("unc",), "refcocog": ("umd", "google")}
"""The divisions that the owners' archives hold."""
PUBLISHED = {
    ("refcoco", "unc"): {
        "train": {"images": 16_994, "boxes": 120_624},
        "validation": {"images": 1_500, "boxes": 10_834},
        "test": {"images": 750, "boxes": 5_657},
        "test-b": {"images": 750, "boxes": 5_095},
    },
    ("refcoco", "google"): {
        "train": {"images": 19_213}, "validation": {"images": 4_559}, "test": {"images": 4_527}
    },
    ("refcoco+", "unc"): {
        "train": {"images": 16_992, "boxes": 120_191},
        "validation": {"images": 1_500, "boxes": 10_758},
        "test": {"images": 750, "boxes": 5_726},
        "test-b": {"images": 750, "boxes": 4_889},
    },
    ("refcocog", "umd"): {
        "train": {"images": 21_899, "boxes": 80_512},
        "validation": {"images": 1_300, "boxes": 4_896},
        "test": {"images": 2_600, "boxes": 9_602},
    },
    ("refcocog", "google"): {"test": {"images": 4_650}},
}  # fmt: skip
"""Images: tensorflow.org/datasets/catalog/ref_coco. Expressions ("boxes"): the papers that report on them."""
PART = "train2014"


@datasets.register("refcoco", offers=("captions", "boxes"), reads_files=True)
@dataclass(frozen=True)
class RefCoco(FromFiles):
    """142,210 expressions for 50,000 objects in COCO's training images; with `by=unc`, test is testA, test-b testB.

    Images are stretched to squares: a crop would cut away what "the man on the far left" points at.
    coco: the folder of COCO 2014's training images and captions; else they are looked for among this set's files.
    """

    variant: Literal["refcoco", "refcoco+", "refcocog"] = "refcoco"
    by: Literal["unc", "google", "umd"] = "unc"
    coco: Path | None = None
    name: ClassVar[str] = "refcoco"
    get: ClassVar[str] = (
        "From github.com/lichengunc/refer get refcoco.zip (refcoco+.zip, refcocog.zip) and unpack it in the data set's "
        "folder; for images and captions get COCO 2014 (train) and name it by --set refcoco.coco=DIR"
    )
    redistributable: ClassVar[bool] = False
    protocol_fit: ClassVar[Fit] = "stretch"
    paper_fit: ClassVar[Fit] = "stretch"
    training_fit: ClassVar[Fit | Literal["random crop"]] = "stretch"
    flip: ClassVar[bool] = True

    @property
    def splits(self) -> tuple[str, ...]:  # type: ignore[override]
        """As its owners have them: they differ with `by`."""
        return tuple(self._parts())

    @property
    def published(self) -> Mapping[str, Mapping[str, int]]:  # type: ignore[override]
        """As far as they are known of this variant."""
        return PUBLISHED.get((self.variant, self.by), {})

    @override
    def sources(self, root: Path) -> Sequence[Path]:
        coco = self.coco or root
        captions = [] if self.lacks("captions") else [coco_files.caption_file(coco, PART)]
        images = photographs(coco, PART).folders
        return [self._refs(root), self._file(root, "instances.json"), *images, *captions]

    @override
    def division(self, root: Path) -> str:
        if self._parts() is not WITHOUT_TEST:
            return ""
        return (
            f"refcocog by google has no test split: its validation is the test split, and one object in {HELD_OUT} of "
            "training is held out for validation; --set refcoco.by=umd has all three, which share no image"
        )

    @override
    def lacks(self, kind: str) -> str | None:
        return coco_files.missing_captions(self.coco or self.folder(), [PART]) if kind == "captions" else None

    @override
    def listing(self, root: Path, split: str) -> Listing:
        listing = Listing()
        instances, path = self._file(root, "instances.json"), self._refs(root)
        images = coco_files.read_images(instances, listing.problems)
        boxes = coco_files.read_objects(instances, images, [], masks=False).boxes  # a reference says if its box is none
        expressions: dict[int, list[Expression]] = defaultdict(list)
        for ref in self._of_split(_refs(path), split):
            number, target = field(ref, "image_id", int, path), field(ref, "ann_id", int, path)
            image_of_box, box = boxes.get(target, (None, None))
            texts = [clean(row.get("sent")) for row in field(ref, "sentences", list, path) if isinstance(row, dict)]
            pointing = expressions[number]  # an image without expressions is noticed as one
            if box is None or image_of_box != number or not any(texts):
                where = f"{path.name}, ref {ref.get('ref_id')!r:.20}"
                listing.note(where, Kind.OBJECT, "no expression, image or box", str(number))
            else:
                pointing += [Expression(text, box) for text in texts if text]
        captions = coco_files.optional_captions(self.coco or root, {split: PART}, split, listing.problems)
        needs = ("boxes", "captions") if captions else ("boxes",)
        found, own = photographs(self.coco or root, PART), {str(number) for number in expressions}
        for number, pointing in expressions.items():
            told = images.get(number)
            file = ImageFile(found.folders[0], told.name) if told and found.prefix else found.of(number)
            size = told.size if told else None
            listing.add(Example(str(number), file, captions.get(number, ()), boxes=tuple(pointing), size=size), needs)
        return listing.of_part(own.__contains__, split == "train")

    def _of_split(self, refs: list[dict[str, Any]], split: str) -> list[dict[str, Any]]:
        """The references of a split."""
        own = [ref for ref in refs if ref.get("split") == self._parts()[split]]
        if self._parts() is not WITHOUT_TEST:
            return own
        mine = share(split, [f"{ref.get('ann_id')}" for ref in own])
        return [ref for ref in own if mine(f"{ref.get('ann_id')}")]

    def _parts(self) -> Mapping[str, str]:
        """The owners' split of each of ours."""
        return WITHOUT_TEST if (self.variant, self.by) == ("refcocog", "google") else SPLITS[self.by]

    def _file(self, root: Path, name: str) -> Path:
        """A file of this variant; the others' files, which have the same names, may lie beside it."""
        return root / name if (root / name).exists() else find(root, f"{self.variant}/{name}")

    def _refs(self, root: Path) -> Path:
        """The pickle of references. Raises `DataError` where it is missing, or was never there for this variant."""
        try:
            return self._file(root, f"refs({self.by}).p")
        except DataError as error:
            if self.by in BY[self.variant]:
                raise
            names = " or ".join(f"--set refcoco.by={name}" for name in BY[self.variant])
            raise DataError(f"{self.variant} is not divided by {self.by}: {names}") from error


def _refs(path: Path) -> list[dict[str, Any]]:
    """The references of a pickle. Raises `DataError` where it is not a list of dictionaries."""
    refs = plain_pickle.load(path)
    if not isinstance(refs, list) or not all(isinstance(ref, dict) for ref in refs):
        raise DataError(f"{path} is not a list of references")
    return refs
