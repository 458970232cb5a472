"""Multi-Modal CelebA-HQ (Xia et al., 2021, arXiv:2012.03308), with the masks of CelebAMask-HQ (arXiv:1907.11922)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from typing_extensions import override

from bench.data.reading import plain_pickle
from bench.data.reading.base import FromFiles
from bench.data.reading.examples import Example, ImageFile, Listing, Mask, MaskFile, MaskParts
from bench.data.reading.paths import captions_in, find, printable, safe_name
from bench.data.reading.problems import Kind
from bench.data.reading.splits import belongs
from bench.errors import DataError
from bench.registry import datasets

IMAGES = ("images", "image", "CelebA-HQ-img")
TEXTS = ("celeba-caption", "celeba_caption", "text")
MERGED = ("CelebAMaskHQ-mask", "label")
PARTS = ("CelebAMask-HQ-mask-anno", "CelebAMaskHQ-mask-anno")
CLASSES = (
    "skin", "nose", "eye_g", "l_eye", "r_eye", "l_brow", "r_brow", "l_ear", "r_ear", "mouth", "u_lip", "l_lip", "hair",
    "hat", "ear_r", "neck_l", "neck", "cloth",
)  # fmt: skip
"""Parts of a face; their class ids count from 1. A later one covers an earlier one (CelebAMask-HQ's own script)."""
IMAGES_PER_FOLDER = 2_000
"""So many images' part masks share a folder."""


@datasets.register("celebahq", offers=("captions", "masks"), reads_files=True)
@dataclass(frozen=True)
class CelebaHq(FromFiles):
    """30,000 faces with ten generated captions each, and masks of 18 parts; split by its two filenames.pickle."""

    name: ClassVar[str] = "celebahq"
    get: ClassVar[str] = (
        "From github.com/IIGROUP/MM-CelebA-HQ-Dataset get the captions and train/ and test/filenames.pickle, from "
        "github.com/switchablenorms/CelebAMask-HQ the images and masks, and put all in the data set's folder"
    )
    published: ClassVar[Mapping[str, Mapping[str, int]]] = {
        "train": {"images": 24_000, "captions": 240_000},
        "test": {"images": 6_000, "captions": 60_000},
    }

    @override
    def sources(self, root: Path) -> Sequence[Path]:
        lists = [find(root, f"{part}/filenames.pickle") for part in ("train", "test")]
        masks = [root / name for name in (*MERGED, *PARTS) if (root / name).is_dir()]
        return [find(root, *IMAGES), find(root, *TEXTS), *lists, *masks[:1]]

    @override
    def lacks(self, kind: str) -> str | None:
        if kind != "masks" or any((self.folder() / name).is_dir() for name in (*MERGED, *PARTS)):
            return None
        return f"celebahq's masks are missing: put {MERGED[0]}/ or {PARTS[0]}/ into {self.folder()}"

    @override
    def listing(self, root: Path, split: str) -> Listing:
        listing = Listing()
        images, texts = find(root, *IMAGES), find(root, *TEXTS)
        masks = _Masks(root)
        for stem in plain_pickle.names(find(root, f"{'test' if split == 'test' else 'train'}/filenames.pickle")):
            try:
                safe_name(stem)
                key = printable(stem)
                if split == "test" or belongs(split, key):
                    captions = captions_in(texts / f"{stem}.txt")
                    image = ImageFile(images, f"{stem}.jpg")
                    listing.add(Example(key, image, captions, mask=masks.of(stem)), ("captions",))
            except DataError as error:
                listing.note(f"{stem!r:.80}", Kind.ANNOTATION, error)
        return listing


class _Masks:
    """The masks of a folder: merged into one image of class ids, or one image a part."""

    def __init__(self, root: Path) -> None:
        self.merged = next((root / name for name in MERGED if (root / name).is_dir()), None)
        self.parts = next((root / name for name in PARTS if (root / name).is_dir()), None)
        folders = sorted(self.parts.iterdir()) if self.parts else []
        self.files = {path.name for folder in folders if folder.is_dir() for path in folder.iterdir()}

    def of(self, stem: str) -> Mask | None:
        """The mask of an image; None where the folder has no masks.

        stem: the image's file name without its ending.

        Raises:
            DataError: masks are stored by parts and the name is no number.
        """
        if self.merged:
            return MaskFile(ImageFile(self.merged, f"{stem}.png"))
        if self.parts is None:
            return None
        if not stem.isdecimal():
            raise DataError("an image whose name is no number has no part masks")
        number = int(stem)
        names = [(label, f"{number:05d}_{part}.png") for label, part in enumerate(CLASSES, 1)]
        folder = str(number // IMAGES_PER_FOLDER)
        parts = [(label, ImageFile(self.parts, f"{folder}/{name}")) for label, name in names if name in self.files]
        return MaskParts(tuple(parts))
