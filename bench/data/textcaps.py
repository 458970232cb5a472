"""TextCaps: captions of images that hold text (Sidorov et al., 2020, arXiv:2003.12462)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from typing_extensions import override

from bench.data.pixels.fit import Fit
from bench.data.reading.base import FromFiles
from bench.data.reading.examples import Example, ImageFile, Listing
from bench.data.reading.json_rows import field, rows
from bench.data.reading.paths import clean, find, safe_name
from bench.data.reading.problems import Kind
from bench.data.reading.splits import share
from bench.errors import DataError
from bench.registry import datasets


@datasets.register("textcaps", offers=("captions",), reads_files=True)
@dataclass(frozen=True)
class TextCaps(FromFiles):
    """TextCaps v0.1: five captions an image. Its "val" images are the test split, since "test" has no captions.

    LG-VQ stretches these images to squares, in training and evaluation: `evaluation=paper`.
    """

    name: ClassVar[str] = "textcaps"
    get: ClassVar[str] = (
        "From textvqa.org/textcaps/dataset get TextCaps_0.1_train.json, TextCaps_0.1_val.json and "
        "train_val_images.zip, and unpack it in the data set's folder (it makes train_images/)"
    )
    published: ClassVar[Mapping[str, Mapping[str, int]]] = {
        "train": {"images": 21_953, "captions": 109_765},
        "test": {"images": 3_166, "captions": 15_830},
    }
    paper_fit: ClassVar[Fit] = "stretch"
    training_fit: ClassVar[Fit | Literal["random crop"]] = "stretch"

    @override
    def sources(self, root: Path) -> Sequence[Path]:
        return [find(root, "TextCaps_0.1_train.json"), find(root, "TextCaps_0.1_val.json"), find(root, "train_images")]

    @override
    def listing(self, root: Path, split: str) -> Listing:
        listing = Listing()
        path = find(root, f"TextCaps_0.1_{'val' if split == 'test' else 'train'}.json")
        folder = find(root, "train_images")  # those of "val" too
        captions: dict[str, list[str]] = defaultdict(list)
        for row in rows(path, "data"):
            key, text = field(row, "image_id", str, path), clean(row.get("caption_str"))
            if text:
                captions[key].append(text)
            else:
                captions[key] += []  # an image without captions is noticed as one
                listing.note(f"{path.name}, image {key!r:.80}", Kind.CAPTION, Kind.CAPTION, key)
        mine = share(split, captions)
        for key, texts in captions.items():
            if mine(key):
                try:
                    image = ImageFile(folder, safe_name(f"{key}.jpg"))
                except DataError as error:
                    listing.lose(path.name, Kind.ANNOTATION, error, key)
                else:
                    listing.add(Example(key, image, tuple(texts)), ("captions",))
        return listing.of_part(mine, split != "validation")
