"""What a data set promises, asked of a few images of each split."""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.check import common
from bench.check.report import Duty, Line, NotAsked, hold
from bench.check.samples import LIMITS, Place, make_dataset
from bench.contracts.data import DataSet, Split
from bench.contracts.facts import DataSetFacts, Kind
from bench.contracts.registration import Entry
from bench.data.pixels.training_view import training_images
from bench.errors import ContractError

SECONDS = 5.0
"""A fingerprint that takes longer is not cheap: it is asked of every planned run, also of those with nothing to do."""

USUAL = ("train", "validation", "test")
TOLERANCE = 1e-6
"""By which rounding may carry a box out of its image."""


@dataclass(frozen=True)
class DataTrial:
    """entry: the data set. place: for two caches, and where its files are."""

    entry: Entry[DataSetFacts]
    place: Place

    @property
    def dataset(self) -> DataSet:
        """A new object.

        Raises:
            NotAsked: it is read from files, and nobody said where they are.
        """
        if not self.entry.facts.reads_files:
            return make_dataset(self.entry.name)
        if self.place.data_root is None:
            raise NotAsked("it is read from files, and no folder of data was given")
        return make_dataset(self.entry.name, self.place.data_root / self.entry.name)

    @functools.cached_property
    def splits(self) -> dict[str, Split]:
        """All splits, prepared in a cache of their own."""
        return self.prepare("first")

    def prepare(self, cache: str) -> dict[str, Split]:
        """All splits from a cache below the folder."""
        dataset = self.dataset
        return {name: dataset.split(name, self.place.scratch / cache) for name in dataset.splits}

    def offered(self, kind: Kind) -> dict[str, Split]:
        """All splits, where what the data set offers is there."""
        if why := self.dataset.lacks(kind):
            raise NotAsked(why)
        return self.splits


def check_dataset(plugin: str, entry: Entry[Any], place: Place) -> list[Line]:
    """Ask all duties of a data set; those of what it does not offer are left out."""
    duties = [duty for kind, duty in DUTIES if kind is None or kind in entry.facts.offers]
    return hold(plugin, entry.path, DataTrial(entry, place), duties)


def has_a_fingerprint(trial: DataTrial) -> None:
    """Text, the same of two objects, another for another size; quick, before anything is prepared."""
    started = time.perf_counter()
    fingerprint = trial.dataset.fingerprint()
    seconds = time.perf_counter() - started
    if not isinstance(fingerprint, str) or not fingerprint:
        raise ContractError(f"fingerprint gives {fingerprint!r}, no text")
    if trial.dataset.fingerprint() != fingerprint:
        raise ContractError("two objects with the same arguments have different fingerprints")
    if dataclasses.replace(trial.dataset, size=2 * trial.dataset.size).fingerprint() == fingerprint:
        raise ContractError("another size has the same fingerprint, so that images of both would pass for the same")
    if seconds > SECONDS:
        raise ContractError(f"fingerprint took {seconds:.0f} s; nothing is to be prepared or read whole for it")


def has_splits(trial: DataTrial) -> str:
    """The three usual splits and test splits, each of its own name; returns their sizes."""
    for name in trial.dataset.splits:
        if name not in USUAL and not name.startswith("test-"):
            raise ContractError(f"the split {name!r} is none of {', '.join(USUAL)} or 'test-<what is different>'")
    if missing := [name for name in USUAL if name not in trial.dataset.splits]:
        raise ContractError(f"there is no split {missing[0]!r}")
    for name, split in trial.splits.items():
        if not isinstance(split, Split) or split.name != name:
            raise ContractError(f"split({name!r}) gives {getattr(split, 'name', split)!r}")
    return ", ".join(f"{name} {len(split)}" for name, split in trial.splits.items())


def has_images(trial: DataTrial) -> None:
    """uint8 [N, S, S, 3] with N > 0; as training sees them, too."""
    size = trial.dataset.size
    for name, split in trial.splits.items():
        for images in (split.images, training_images(split, 0)[np.arange(min(2, len(split)))]):
            if not len(images) or images.dtype != np.uint8 or images.shape[1:] != (size, size, 3):
                raise ContractError(
                    f"images of {name} are {images.dtype} {list(images.shape)}, not uint8 [N, {size}, {size}, 3]"
                )


def keeps_limits(trial: DataTrial) -> None:
    """No split has more images than `limits` allows."""
    for name, split in trial.splits.items():
        limit = LIMITS["test" if name.startswith("test") else name]
        if len(split) > limit:
            raise ContractError(f"{name} has {len(split)} images, and its limit is {limit}")


def has_captions(trial: DataTrial) -> None:
    """A sequence of texts for each image."""
    for name, split in trial.offered("captions").items():
        if len(split.captions) != len(split):
            raise ContractError(f"{name} has captions of {len(split.captions)} images, not of {len(split)}")
        for image, captions in enumerate(split.captions):
            if isinstance(captions, str):
                raise ContractError(f"captions of image {image} of {name} are one text; a list of texts is asked for")
            if not captions or not all(isinstance(caption, str) and caption.strip() for caption in captions):
                raise ContractError(f"captions of image {image} of {name} are {captions!r}")


def has_questions(trial: DataTrial) -> None:
    """Texts about images that exist."""
    for name, split in trial.offered("questions").items():
        _check_images(f"questions of {name}", [question.image for question in split.questions], len(split))
        for question in split.questions:
            texts = (question.text, question.answer, question.kind, *question.answers)
            if isinstance(question.answers, str) or not all(isinstance(text, str) and text for text in texts):
                raise ContractError(f"{name} has {question}; text, answer and kind are texts, answers a tuple of them")


def has_boxes(trial: DataTrial) -> None:
    """Expressions and boxes that lie in images that exist."""
    for name, split in trial.offered("boxes").items():
        _check_images(f"boxes of {name}", [box.image for box in split.boxes], len(split))
        for box in split.boxes:
            x, y, width, height = box.box
            low, high = min(x - width / 2, y - height / 2), max(x + width / 2, y + height / 2)
            if min(width, height) <= 0 or low < -TOLERANCE or high > 1 + TOLERANCE:
                raise ContractError(f"{name} has {box}, which leaves the image: centre and size are fractions of it")
            if not isinstance(box.text, str) or not box.text:
                raise ContractError(f"{name} has {box}, whose text is empty")


def has_masks(trial: DataTrial) -> None:
    """uint8 class ids [N, S, S]."""
    for name, split in trial.offered("masks").items():
        masks, wanted = split.masks, split.images.shape[:3]
        if masks is None or masks.dtype != np.uint8 or masks.shape != wanted:
            given = "none" if masks is None else f"{masks.dtype} {list(masks.shape)}"
            raise ContractError(f"masks of {name} are {given}, not uint8 {list(wanted)}")


def prepares_the_same(trial: DataTrial) -> None:
    """Prepared twice, or read again from where it was prepared, a split is the same."""
    for what, splits in (("prepared twice", trial.prepare("second")), ("read again", trial.prepare("first"))):
        for name, split in splits.items():
            for part, content in CONTENT.items():
                first, second = content(trial.splits[name]), content(split)
                if not (np.array_equal(first, second) if isinstance(first, np.ndarray) else first == second):
                    raise ContractError(f"{part} of {name}, {what}, differ")


def keeps_tests_apart(trial: DataTrial) -> str:
    """Most test images do not stand in train; returns how many do, byte by byte."""
    training = {image.tobytes() for image in trial.splits["train"].images}
    remarks = []
    for name, split in trial.splits.items():
        if name.startswith("test"):
            seen = sum(image.tobytes() in training for image in split.images)
            remarks.append(f"{seen} of {len(split)} images of {name} stand in train")
            if 2 * seen > len(split):
                raise ContractError(f"{seen} of {len(split)} images of {name} stand in train too")
    return ", ".join(remarks)


CONTENT: Mapping[str, Callable[[Split], Any]] = {
    "images": lambda split: split.images,
    "captions": lambda split: [list(captions) for captions in split.captions],
    "questions": lambda split: [dataclasses.astuple(question) for question in split.questions],
    "boxes": lambda split: [dataclasses.astuple(box) for box in split.boxes],
    "masks": lambda split: split.masks,
}
"""Part of a split to what is compared of it."""

DUTIES: tuple[tuple[Kind | None, Duty[DataTrial]], ...] = (
    (None, Duty(common.ABOUT, lambda trial: common.check_about(trial.entry))),
    (None, Duty(common.CLASS, lambda trial: common.check_contract(trial.entry), first=True)),
    (None, Duty(common.ARGUMENTS, lambda trial: common.check_arguments(trial.entry))),
    (None, Duty("has a stable and cheap fingerprint", has_a_fingerprint)),
    (None, Duty("has splits for training, validation and test", has_splits, first=True)),
    (None, Duty("has square images of the size asked for", has_images, first=True)),
    (None, Duty("keeps to its limits", keeps_limits)),
    ("captions", Duty("has captions of every image", has_captions)),
    ("questions", Duty("has questions about its images", has_questions)),
    ("boxes", Duty("has boxes within its images", has_boxes)),
    ("masks", Duty("has a mask of every image", has_masks)),
    (None, Duty("is the same when it is prepared again", prepares_the_same)),
    (None, Duty("keeps test images out of training", keeps_tests_apart)),
)
"""Duties in their order, with what a data set has to offer to have them."""


def _check_images(what: str, numbers: list[int], images: int) -> None:
    """Numbers of images are there and legal."""
    if not numbers:
        raise ContractError(f"there are no {what}")
    if wrong := [number for number in numbers if not 0 <= number < images]:
        raise ContractError(f"{what} are about image {wrong[0]}, and there are {images}")
