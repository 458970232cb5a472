"""ImageNet-style folders: one folder a class (Deng et al., 2009)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from typing_extensions import override

from bench.data.reading import class_names
from bench.data.reading.base import FromFiles
from bench.data.reading.class_splits import Layout, find_layout, on_the_way, unread_files
from bench.data.reading.examples import AnsweredQuestion, Example, Listing
from bench.data.reading.problems import Kind
from bench.data.reading.splits import drawn, share
from bench.registry import datasets

QUESTION = "what is this?"


@datasets.register("imagenet", offers=("captions", "questions"), reads_files=True)
@dataclass(frozen=True)
class ImageNet(FromFiles):
    """ILSVRC 2012, or any folders of classes: the class is asked for, and in the one caption.

    "val" is the test split; validation is held out of "train". Classes named by WordNet ids get their names from
    LOC_synset_mapping.txt, else from WordNet.
    """

    name: ClassVar[str] = "imagenet"
    get: ClassVar[str] = (
        "From image-net.org (after registration) get ILSVRC 2012's train and val images, one folder a class, as "
        f"train/ and val/, and {class_names.LISTS[0]} from its Kaggle page"
    )
    redistributable: ClassVar[bool] = False
    published: ClassVar[Mapping[str, Mapping[str, int]]] = {"train": {"images": 1_281_167}, "test": {"images": 50_000}}

    @override
    def sources(self, root: Path) -> Sequence[Path]:
        layout = find_layout(root)
        folders = [folder for own in layout.folders.values() for folder in own]
        lists = [self._names(root, layout), *(folder.labels for folder in folders)]
        return [*(folder.path for folder in folders), *dict.fromkeys(path for path in lists if path)]

    @override
    def division(self, root: Path) -> str:
        return find_layout(root).about

    @override
    def unused(self, root: Path) -> Sequence[str]:
        layout = find_layout(root)
        renamed = class_names.renamed(self._titles(root, layout), self._names(root, layout))
        return [*super().unused(root), *unread_files(layout), *renamed]

    @override
    def listing(self, root: Path, split: str) -> Listing:
        listing, layout = Listing(), find_layout(root)
        titles = self._titles(root, layout)
        images = [image for folder in layout.of(split) for image in folder.images()]
        keys = [image.key for image in images]
        if layout.drawn:
            splits = drawn(keys)
            own = {key for key in keys if splits[key] == split}
        else:
            mine = share("test" if "validation" in layout.folders else split, keys)  # all, where nothing is held out
            own = {key for key in keys if mine(key)}
        for image in images:
            title = titles.get(image.category, "")
            if image.key not in own:
                continue
            if image.lost or not title:
                listing.lose(str(image.file), Kind.INCOMPLETE, image.lost or "a class without a name", image.key)
                continue
            caption = f"a photo of {'an' if title[0].lower() in 'aeiou' else 'a'} {title}"
            listing.add(Example(image.key, image.file, (caption,), (AnsweredQuestion(QUESTION, title, "class"),)))
        return listing

    def _titles(self, root: Path, layout: Layout) -> dict[str, str]:
        """What each class is called, the same in every split."""
        classes = {name for own in layout.folders.values() for folder in own for name in folder.classes()}
        return class_names.titles(classes, self._names(root, layout))

    @staticmethod
    def _names(root: Path, layout: Layout) -> Path | None:
        """The list of names, if one is there."""
        return class_names.find_list(on_the_way(root, layout.base))
