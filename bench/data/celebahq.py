"""Multi-Modal CelebA-HQ (Xia et al., 2021, arXiv:2012.03308), with the masks of CelebAMask-HQ (arXiv:1907.11922)."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from typing_extensions import override

from bench.data.reading import plain_pickle
from bench.data.reading.base import FromFiles
from bench.data.reading.examples import Example, ImageFile, Listing, Mask, MaskFile, MaskParts
from bench.data.reading.paths import captions_in, entries_of, find, find_optional, printable, safe_name
from bench.data.reading.problems import Kind
from bench.data.reading.splits import share
from bench.errors import DataError
from bench.registry import datasets

IMAGES = ("image/images", "images/images", "images", "image", "CelebA-HQ-img")
TEXTS = ("text/celeba-caption", "text/celeba_caption", "celeba-caption", "celeba_caption", "text")
MERGED = ("CelebAMaskHQ-mask", "label")
PARTS = ("CelebAMask-HQ-mask-anno", "CelebAMaskHQ-mask-anno")
CLASSES = (
    "skin", "nose", "eye_g", "l_eye", "r_eye", "l_brow", "r_brow", "l_ear", "r_ear", "mouth", "u_lip", "l_lip", "hair",
    "hat", "ear_r", "neck_l", "neck", "cloth",
)  # fmt: skip
"""Parts of a face; their class ids count from 1. A later one covers an earlier one (CelebAMask-HQ's own script)."""


@datasets.register("celebahq", offers=("captions", "masks"), reads_files=True)
@dataclass(frozen=True)
class CelebaHq(FromFiles):
    """30,000 faces with ten generated captions each, and masks of 18 parts; split by its two filenames.pickle."""

    name: ClassVar[str] = "celebahq"
    get: ClassVar[str] = (
        "From github.com/switchablenorms/CelebAMask-HQ get the images and masks; the captions and train/ and "
        "test/filenames.pickle are Multi-Modal-CelebA-HQ's: github.com/IIGROUP/MM-CelebA-HQ-Dataset no longer offers "
        "them for download and its script makes captions alone, so ask its authors or whoever trained on it. Put all "
        "into the data set's folder"
    )
    redistributable: ClassVar[bool] = False
    published: ClassVar[Mapping[str, Mapping[str, int]]] = {
        "train": {"images": 24_000, "captions": 240_000},
        "test": {"images": 6_000, "captions": 60_000},
    }

    @override
    def sources(self, root: Path) -> Sequence[Path]:
        masks = find_optional(root, *MERGED, *PARTS)
        lists = [_list(root, part) for part in ("train", "test")]
        return [_folder_of(root, ".jpg", IMAGES), _folder_of(root, ".txt", TEXTS), *lists, *([masks] if masks else [])]

    @override
    def lacks(self, kind: str) -> str | None:
        if kind != "masks" or find_optional(self.folder(), *MERGED, *PARTS):
            return None
        return f"celebahq's masks are missing: put {MERGED[0]}/ or {PARTS[0]}/ into {self.folder()}"

    @override
    def listing(self, root: Path, split: str) -> Listing:
        listing = Listing()
        images, texts = _folder_of(root, ".jpg", IMAGES), _folder_of(root, ".txt", TEXTS)
        masks = _Masks(root)
        names = plain_pickle.names(_list(root, "test" if split == "test" else "train"))
        keys = [printable(name.strip().removesuffix(".jpg")) for name in names]
        mine = share(split, keys)
        for key in keys:
            if not mine(key):
                continue
            try:
                image = ImageFile(images, safe_name(f"{key}.jpg"))
                captions, mask = captions_in(texts / safe_name(f"{key}.txt")), masks.of(key)
            except DataError as error:
                listing.lose(f"{key!r:.80}", Kind.ANNOTATION, error, key)
                continue
            if isinstance(mask, MaskParts) and not mask.parts:
                listing.note(f"{PARTS[0]}, image {key}", Kind.OBJECT, "no part of its mask is there", key)
                mask = None
            listing.add(Example(key, image, captions, mask=mask), ("captions",))
        return listing


def _folder_of(root: Path, ending: str, names: Sequence[str]) -> Path:
    """The first of these folders that holds such files itself: archives have an outer and an inner "images".

    Raises:
        DataError: there is none.
    """
    usual = (root / name for name in names if (root / name).is_dir())
    for folder in itertools.chain(usual, _deeper(root, names)):
        if any(entry.name.endswith(ending) for entry in entries_of(folder)):
            return folder
    return find(root, *names)


def _deeper(root: Path, names: Sequence[str]) -> Iterator[Path]:
    """The folders of these names wherever they lie; of two of one name, another name may be meant."""
    for name in names:
        with contextlib.suppress(DataError):
            folder = find_optional(root, name)
            if folder:
                yield folder


def _list(root: Path, part: str) -> Path:
    """The pickled names of "train" or "test". Raises `DataError` where it is missing; nothing else says the split."""
    try:
        return find(root, f"{part}/filenames.pickle")
    except DataError as error:
        raise DataError(f"{error}: a pickled list of the names of the {part} images, without ending") from error


class _Masks:
    """The masks of a folder: merged into one image of class ids, or one image a part."""

    def __init__(self, root: Path) -> None:
        folder = find_optional(root, *MERGED, *PARTS)
        merged = folder is not None and folder.name.casefold() in map(str.casefold, MERGED)
        self.merged = folder if merged else None
        self.parts = None if merged else folder
        inner = entries_of(self.parts) if self.parts else []
        deeper = {file.name: f"{entry.name}/{file.name}" for entry in inner for file in entries_of(entry.path)}
        self.files = {entry.name: entry.name for entry in inner} | deeper

    def of(self, key: str) -> Mask | None:
        """The mask of an image; None where the folder has no masks.

        key: the image's file name without its ending.

        Raises:
            DataError: masks are stored by parts and the name is no number.
        """
        if self.merged:
            return MaskFile(ImageFile(self.merged, f"{key}.png"))
        if self.parts is None:
            return None
        if not key.isdecimal():
            raise DataError("an image whose name is no number has no part masks")
        names = [(label, f"{int(key):05d}_{part}.png") for label, part in enumerate(CLASSES, 1)]
        found = [(label, self.files[name]) for label, name in names if name in self.files]
        return MaskParts(tuple((label, ImageFile(self.parts, name)) for label, name in found))
