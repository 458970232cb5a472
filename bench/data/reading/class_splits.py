"""Which folders of a data set of classes are its splits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from bench.data.reading.class_folders import SplitFolder, class_folders, holds_classes, holds_images, is_image
from bench.data.reading.examples import UNREAD_ENDINGS
from bench.data.reading.paths import ARCHIVES, DEPTH, entries_of, find, printable
from bench.data.reading.problems import some
from bench.data.reading.splits import HELD_OUT, told_by, told_exactly
from bench.data.reading.walk import walk
from bench.errors import DataError

SOLUTION, ANNOTATIONS = "LOC_val_solution.csv", "val_annotations.txt"
"""Lists of the classes of images that lie in one folder: of ImageNet's Kaggle page, and of tiny-imagenet."""


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
        if split and (split != "train" or holds_classes(Path(entry.path))):
            named.setdefault(split, []).append(Path(entry.path))
    return named


def _tells_splits(named: Mapping[str, list[Path]]) -> bool:
    """Whether there are training images; "bullet_train" alone is a class."""
    train = named.get("train", [])
    return bool(train) and (len(named) > 1 or any(told_exactly(path.name) for path in train))


def _labelled_folders(root: Path, base: Path, paths: list[Path]) -> tuple[SplitFolder, ...]:
    """Those of the folders whose images have classes."""
    folders = []
    for path in paths:
        if holds_classes(path):
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
        if holds_images(path):
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
        classes = [path for path in inner if holds_images(path)]
        if len(classes) != 1 or told_exactly(classes[0].name) or not holds_classes(classes[0]):
            break
        base = classes[0]
    splits = [path for path in classes if told_exactly(path.name)]
    if len(classes) < 2 or len(splits) == len(classes) or any(map(holds_classes, splits)):
        raise DataError(f"{find(root, 'train')} holds no folders of classes: each class has one, with its images in it")
    return base
