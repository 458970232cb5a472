"""What a trial sees of a data set: its training split, and the validation split in two halves.

One half is called "test", so that any task runs on it as it is; the other stays "validation". No test split is reached
from here by any name: what is chosen by a trial's score was never chosen on test data.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, TypeVar

from typing_extensions import override

from bench.contracts.data import Box, DataSet, Question, Split
from bench.errors import DataError
from bench.system import fingerprint

HALVES = {"validation": 0, "test": 1}
"""Every second image, from the first and from the second: so both halves of a sorted split hold all of its kinds."""

Note = TypeVar("Note", Question, Box)


@dataclass(frozen=True)
class ValidationHalves(DataSet):
    """A data set without its test splits; see above. whole: the data set itself."""

    whole: DataSet = field(kw_only=True)
    splits: ClassVar[tuple[str, ...]] = ("train", *HALVES)

    @override
    def split(self, name: str, cache: Path) -> Split:
        """The split of this name.

        Raises:
            DataError: the validation split has one image, or as the data set itself does.
        """
        if name == "train":
            return self.whole.split("train", cache)
        return half(self.whole.split("validation", cache), name)

    @override
    def fingerprint(self) -> str:
        return fingerprint.of_value(["halves of validation", self.whole.fingerprint()])

    @override
    def lacks(self, kind: str) -> str | None:
        return self.whole.lacks(kind)


def half(split: Split, name: str) -> Split:
    """The half of a split that `HALVES` calls so; images and masks are views, what names an image is renumbered.

    Raises:
        DataError: it has too few images.
    """
    if len(split) < len(HALVES):
        raise DataError("the validation split has one image, and tuning needs two")
    which, step = HALVES[name], len(HALVES)

    def notes(of_all: tuple[Note, ...]) -> list[Note]:
        return [dataclasses.replace(note, image=note.image // step) for note in of_all if note.image % step == which]

    return dataclasses.replace(
        split,
        name=name,
        images=split.images[which::step],
        captions=split.captions[which::step],
        questions=notes(tuple(split.questions)),
        boxes=notes(tuple(split.boxes)),
        masks=None if split.masks is None else split.masks[which::step],
        strips=None,
    )


def sizes(limits: dict[str, int]) -> dict[str, int]:
    """What becomes of a data set's limits, by split."""
    kept = {name: count for name, count in limits.items() if name == "train"}
    most = limits.get("validation")
    return kept if most is None else kept | {name: (most + 1 - which) // len(HALVES) for name, which in HALVES.items()}
