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
from bench.data.reading.examples import Example, Expression, ImageFile, Listing
from bench.data.reading.json_rows import field
from bench.data.reading.paths import clean, find
from bench.data.reading.problems import Kind
from bench.errors import DataError
from bench.registry import datasets

SPLITS = {
    "unc": {"train": "train", "validation": "val", "test": "testA", "test-b": "testB"},
    "google": {"train": "train", "validation": "val", "test": "test"},
    "umd": {"train": "train", "validation": "val", "test": "test"},
}
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
    published: ClassVar[Mapping[str, Mapping[str, int]]] = {
        "train": {"images": 16_994, "boxes": 120_624},
        "validation": {"images": 1_500, "boxes": 10_834},
        "test": {"images": 750, "boxes": 5_657},
        "test-b": {"images": 750, "boxes": 5_095},
    }
    protocol_fit: ClassVar[Fit] = "stretch"
    paper_fit: ClassVar[Fit] = "stretch"
    training_fit: ClassVar[Fit | Literal["random crop"]] = "stretch"
    flip: ClassVar[bool] = True

    @property
    def splits(self) -> tuple[str, ...]:  # type: ignore[override]
        """As its owners have them: they differ with `by`."""
        return tuple(SPLITS[self.by])

    @override
    def sources(self, root: Path) -> Sequence[Path]:
        coco = self.coco or root
        captions = [] if self.lacks("captions") else [coco_files.caption_file(coco, PART)]
        return [
            self._file(root, f"refs({self.by}).p"),
            self._file(root, "instances.json"),
            self._images(root),
            *captions,
        ]

    @override
    def lacks(self, kind: str) -> str | None:
        return coco_files.missing_captions(self.coco or self.folder(), [PART]) if kind == "captions" else None

    @override
    def listing(self, root: Path, split: str) -> Listing:
        listing = Listing()
        instances = self._file(root, "instances.json")
        images = coco_files.read_images(instances, listing.problems)
        _, _, boxes = coco_files.read_instances(instances, listing.problems)
        path = self._file(root, f"refs({self.by}).p")
        expressions: dict[int, list[Expression]] = defaultdict(list)
        for ref in _refs(path):
            if ref.get("split") == SPLITS[self.by][split]:
                number, target = field(ref, "image_id", int, path), field(ref, "ann_id", int, path)
                image_of_box, box = boxes.get(target, (None, None))
                texts = [clean(row.get("sent")) for row in field(ref, "sentences", list, path) if isinstance(row, dict)]
                if box is None or image_of_box != number or number not in images or not any(texts):
                    where = f"{path.name}, ref {ref.get('ref_id')!r:.20}"
                    listing.note(where, Kind.OBJECT, "no expression, image or box")
                else:
                    expressions[number] += [Expression(text, box) for text in texts if text]
        captions = coco_files.optional_captions(self.coco or root, {split: PART}, split, listing.problems)
        needs = ("boxes", "captions") if captions else ("boxes",)
        folder = self._images(root)
        for number, pointing in expressions.items():
            image = ImageFile(folder, images[number].name)
            example = Example(
                str(number), image, captions.get(number, ()), boxes=tuple(pointing), size=images[number].size
            )
            listing.add(example, needs)
        return listing

    def _images(self, root: Path) -> Path:
        return coco_files.image_folder(self.coco or root, PART)

    def _file(self, root: Path, name: str) -> Path:
        return find(root, f"{self.variant}/{name}", name)


def _refs(path: Path) -> list[dict[str, Any]]:
    """The references of a pickle. Raises `DataError` where it is not a list of dictionaries."""
    refs = plain_pickle.load(path)
    if not isinstance(refs, list) or not all(isinstance(ref, dict) for ref in refs):
        raise DataError(f"{path} is not a list of references")
    return refs
