"""ImageNet-style folders: one folder a class (Deng et al., 2009)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from typing_extensions import override

from bench.data.reading.base import FromFiles
from bench.data.reading.examples import AnsweredQuestion, Example, ImageFile, Listing
from bench.data.reading.paths import clean, find, printable, read_text
from bench.data.reading.problems import Kind
from bench.data.reading.splits import belongs
from bench.errors import DataError
from bench.registry import datasets

QUESTION = "what is this?"
NAMES = "LOC_synset_mapping.txt"
WORDNET_ID = re.compile(r"n\d{8}")


@datasets.register("imagenet", offers=("captions", "questions"), reads_files=True)
@dataclass(frozen=True)
class ImageNet(FromFiles):
    """ILSVRC 2012, or any folders train/CLASS/ and val/CLASS/: the class is asked for, and in the one caption.

    "val" is the test split; validation is held out of "train". Classes named by WordNet ids get their names from
    LOC_synset_mapping.txt.
    """

    name: ClassVar[str] = "imagenet"
    get: ClassVar[str] = (
        "From image-net.org (after registration) get ILSVRC 2012's train and val images, one folder a class, as "
        f"train/ and val/, and {NAMES} from its Kaggle page"
    )
    published: ClassVar[Mapping[str, Mapping[str, int]]] = {"train": {"images": 1_281_167}, "test": {"images": 50_000}}

    @override
    def sources(self, root: Path) -> Sequence[Path]:
        names = [root / NAMES] if (root / NAMES).exists() else []
        return [find(root, "train"), find(root, "val"), *names]

    @override
    def listing(self, root: Path, split: str) -> Listing:
        listing = Listing()
        base = find(root, "val" if split == "test" else "train")
        folders = sorted(path for path in base.iterdir() if path.is_dir())
        for path in sorted(base.iterdir()):
            if path.is_symlink() and not path.exists():
                listing.note(str(path), Kind.INCOMPLETE, "a link that leads nowhere")
        if not folders:
            raise DataError(f"{base} holds no folders: each class has one, with its images in it")
        names = _class_names(root)
        for folder in folders:
            title = names.get(folder.name, clean(folder.name.replace("_", " ")))
            if not title or (WORDNET_ID.fullmatch(folder.name) and folder.name not in names):
                listing.note(str(folder), Kind.ANNOTATION, f"a class without a name: it belongs into {root / NAMES}")
                continue
            caption = f"a photo of {'an' if title[0].lower() in 'aeiou' else 'a'} {title}"
            for path in sorted(folder.iterdir()):
                key = printable(f"{folder.name}/{path.name}")
                if split == "test" or belongs(split, key):
                    image = ImageFile(folder, path.name)  # the class's folder may be the user's own link
                    listing.add(Example(key, image, (caption,), (AnsweredQuestion(QUESTION, title, "class"),)))
        return listing


def _class_names(root: Path) -> dict[str, str]:
    """First name of each class, by its WordNet id; empty where the file is not there."""
    if not (root / NAMES).exists():
        return {}
    lines = [line.partition(" ") for line in read_text(root / NAMES).splitlines()]
    return {number: clean(names.partition(",")[0]) for number, _, names in lines if clean(names.partition(",")[0])}
