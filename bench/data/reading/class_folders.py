"""Folders of classes: which of them are splits, and which image is of which class."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from bench.data.reading.examples import ENDINGS, UNREAD_ENDINGS, ImageFile
from bench.data.reading.paths import ARCHIVES, DEPTH, entries_of, find, printable, read_text
from bench.data.reading.problems import some
from bench.data.reading.splits import HELD_OUT, told_by, told_exactly
from bench.data.reading.walk import walk
from bench.errors import DataError

FLAT = frozenset({"images", "image", "imgs", "img"})
"""A lone folder of such a name is no class: the images of several classes are in it."""
SOLUTION, ANNOTATIONS = "LOC_val_solution.csv", "val_annotations.txt"
"""Lists of the classes of images that lie in one folder: of ImageNet's Kaggle page, and of tiny-imagenet."""
FEW, ENOUGH = 20, 2_000
"""Folders, and files in each, that are looked at for an image."""


class ClassImage(NamedTuple):
    """An image of a class. key: class and name. lost: why it cannot be used; else empty."""

    key: str
    category: str
    file: ImageFile
    lost: str = ""


@dataclass(frozen=True)
class SplitFolder:
    """A folder of a split: with one folder a class in it, or with images whose classes `labels` says.

    labels: the list that says so, if there is one.
    """

    path: Path
    labels: Path | None = None

    def classes(self) -> set[str]:
        """The names of all classes, as bytes of a name that are not UTF-8 can be written."""
        if self.labels:
            return set(_read_labels(self.labels).values())
        return {printable(folder.name) for folder in class_folders(self.path)}

    def images(self) -> Iterator[ClassImage]:
        """Every image, in the order of names; also those that a list names and that are not there, as lost.

        Raises:
            DataError: the list cannot be read.
        """
        if self.labels:
            yield from _labelled(self.path, self.labels)
            return
        for entry in entries_of(self.path):
            if entry.is_symlink() and not Path(entry.path).exists():
                name = printable(entry.name)
                yield ClassImage(name, name, ImageFile(self.path, entry.name), "a link that leads nowhere")
        for folder in class_folders(self.path):
            for found in walk(folder):
                if found.lost or is_image(found.name):
                    key = printable(f"{folder.name}/{found.name}")
                    yield ClassImage(key, printable(folder.name), ImageFile(found.base, found.below), found.lost)


@dataclass(frozen=True)
class Layout:
    """The splits of a data set of classes.

    base: the folder that they lie in. folders: those of each split; all under "train" where `drawn`. drawn: whether
    splits are drawn by hash. about: one line on how it was divided.
    """

    base: Path
    folders: Mapping[str, tuple[SplitFolder, ...]]
    about: str
    drawn: bool = False

    def of(self, split: str) -> tuple[SplitFolder, ...]:
        """The folders that a split's images are in; validation may have to be held out of them."""
        return self.folders.get("train" if self.drawn or split not in self.folders else split, ())


def is_image(name: str) -> bool:
    """Whether a file of this name counts as an image."""
    return PurePosixPath(name).suffix.lower() in ENDINGS


def class_folders(folder: Path) -> list[Path]:
    """The folders in a split's folder, one a class, those behind links too; none where its images lie together."""
    inner = [Path(entry.path) for entry in entries_of(folder) if entry.is_dir()]
    return [] if {path.name.casefold() for path in inner} <= FLAT else inner


def find_layout(root: Path) -> Layout:
    """The splits below `root`: folders "train", "val", "test" in any usual spelling, else drawn of plain class folders.

    Raises:
        DataError: there are no folders of classes, or what they are cannot be told.
    """
    found = _find_splits(root)
    if found is None:
        base = _find_plain(root)
        why = f"splits were drawn by hash of the names, since {base.name} has no train/ and test/ of class folders"
        return Layout(base, {"train": (SplitFolder(base),)}, why, drawn=True)
    base, named = found
    labelled = {split: _labelled_folders(root, base, paths) for split, paths in named.items()}
    folders = {split: own for split, own in labelled.items() if own}
    if "validation" not in folders and "test" not in folders:
        _refuse_unlabelled(base, named)
        only = some(path.name for path in named["train"])
        return Layout(
            base, folders, f"splits were drawn by hash of the names, since only {only} has classes", drawn=True
        )
    notes = ["splits are what the folders are named after"]
    if "test" not in folders:
        folders["test"] = folders.pop("validation")
        notes.append("the validation images are the test split, since no labelled ones are named for testing")
    if "validation" not in folders:
        notes.append(f"one training image in {HELD_OUT} is held out for validation")
    return Layout(base, folders, "; ".join(notes))


def unread_files(layout: Layout) -> list[str]:
    """One line on each kind of images in the splits' folders that is not read, and on classes without any image."""
    strange, empty, loose = list[str](), list[str](), list[str]()
    for split in (one for own in layout.folders.values() for one in own if not one.labels):
        loose += [f"{split.path.name}/{e.name}" for e in entries_of(split.path) if is_image(e.name) and not e.is_dir()]
        for folder in class_folders(split.path):
            names = [found.name for found in walk(folder)]
            strange += [name for name in names if PurePosixPath(name).suffix.lower() in UNREAD_ENDINGS]
            if not any(map(is_image, names)):
                empty.append(f"{split.path.name}/{folder.name}")
    kinds = some(PurePosixPath(name).suffix.lower() for name in strange)
    return [
        *([f"not read: {len(strange):,} images of kinds that are not read ({kinds})"] if strange else []),
        *([printable(f"not read: images outside of the folders of classes: {some(loose)}")] if loose else []),
        *([printable(f"folders without images are no classes: {some(empty)}")] if empty else []),
    ]


def _find_splits(root: Path) -> tuple[Path, dict[str, list[Path]]] | None:
    """The least deep folder that has a split of training images in it, and the folders of each split."""
    level = [root]
    for _ in range(DEPTH + 1):
        found = [(folder, named) for folder in level if _tells_splits(named := _named(folder))]
        if len(found) > 1:
            raise DataError(f"{found[0][0]} and {found[1][0]} may both be meant: keep one, or name the folder of one")
        if found:
            return found[0]
        level = [Path(entry.path) for folder in level for entry in entries_of(folder) if entry.is_dir()]
    return None


def _named(folder: Path) -> dict[str, list[Path]]:
    """The folders in a folder that are named after a split; for training only those that hold folders of classes."""
    named: dict[str, list[Path]] = {}
    for entry in entries_of(folder):
        split = told_by(entry.name) if entry.is_dir() else None
        if split and (split != "train" or _holds_classes(Path(entry.path))):
            named.setdefault(split, []).append(Path(entry.path))
    return named


def _tells_splits(named: Mapping[str, list[Path]]) -> bool:
    """Whether there are training images; "bullet_train" alone is a class."""
    train = named.get("train", [])
    return bool(train) and (len(named) > 1 or any(told_exactly(path.name) for path in train))


def _holds_classes(folder: Path) -> bool:
    return any(map(_holds_images, islice(class_folders(folder), FEW)))


def _holds_images(folder: Path) -> bool:
    return any(is_image(found.name) for found in islice(walk(folder), ENOUGH))


def _labelled_folders(root: Path, base: Path, paths: list[Path]) -> tuple[SplitFolder, ...]:
    """Those of the folders whose images have classes."""
    folders = []
    for path in paths:
        if _holds_classes(path):
            folders.append(SplitFolder(path))
        elif told_by(path.name) == "validation" and (labels := _labels(root, base, path)):
            folders.append(SplitFolder(path, labels))
    return tuple(folders)


def _labels(root: Path, base: Path, folder: Path) -> Path | None:
    """The list of the classes of the images in a folder, if one lies in it, beside it, or above it up to `root`."""
    paths = [place / name for place in (folder, *on_the_way(root, base)) for name in (ANNOTATIONS, SOLUTION)]
    return next((path for path in paths if path.is_file()), None)


def on_the_way(root: Path, base: Path) -> list[Path]:
    """The folders from `base` up to `root`."""
    return [folder for folder in (base, *base.parents) if folder.is_relative_to(root)]


def _refuse_unlabelled(base: Path, named: Mapping[str, list[Path]]) -> None:
    """Raises `DataError` where validation images are there, but no classes, or are packed."""
    for path in named.get("validation", []):
        if _holds_images(path):
            raise DataError(
                f"{path} holds images and no folders of classes: put {SOLUTION} (of ImageNet's Kaggle page) or "
                f"{ANNOTATIONS} (of tiny-imagenet) beside them, or each image into the folder of its class"
            )
    for entry in entries_of(base):
        if entry.name.endswith(ARCHIVES) and told_by(entry.name.split(".")[0]) == "validation":
            raise DataError(f"{entry.path} is packed: unpack it in {base}")


def _find_plain(root: Path) -> Path:
    """The folder whose folders are classes: `root`, or a lone folder in it."""
    base = root
    for _ in range(DEPTH + 1):
        inner = [Path(entry.path) for entry in entries_of(base) if entry.is_dir()]
        classes = [path for path in inner if _holds_images(path)]
        if len(classes) != 1 or not _holds_classes(classes[0]):
            break
        base = classes[0]
    splits = [path for path in classes if told_exactly(path.name)]
    if len(classes) < 2 or len(splits) == len(classes) or any(map(_holds_classes, splits)):
        raise DataError(f"{find(root, 'train')} holds no folders of classes: each class has one, with its images in it")
    return base


def _labelled(folder: Path, labels: Path) -> Iterator[ClassImage]:
    """The images below a folder, whose classes a list says."""
    left = _read_labels(labels)
    for found in walk(folder):
        if not is_image(found.name):
            continue
        stem = PurePosixPath(found.name).stem
        category = left.pop(stem, "")
        lost = found.lost if category else f"not in {labels.name}"
        yield ClassImage(printable(f"{category}/{stem}"), category, ImageFile(found.base, found.below), lost)
    for stem, category in left.items():
        what = f"no such file, but {labels.name} names it"
        yield ClassImage(printable(f"{category}/{stem}"), category, ImageFile(folder, stem), what)


def _read_labels(path: Path) -> dict[str, str]:
    """The class of each image, by the name of its file without ending."""
    if path.suffix == ".csv":
        rows = [(row[0], row[1].split()) for row in csv.reader(io.StringIO(read_text(path))) if len(row) > 1]
        return {PurePosixPath(name).stem: told[0] for name, told in rows[1:] if told}
    lines = [line.split() for line in read_text(path).splitlines()]
    return {PurePosixPath(words[0]).stem: words[1] for words in lines if len(words) > 1}
