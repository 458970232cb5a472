"""Which split an example belongs to: by what its folder or file is called, else by hash of its key."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

HELD_OUT = 20
"""One training image in so many is for validation where the owners keep none apart: nothing is chosen on test data."""
TEST_SHARE = 10
"""One image in so many is for testing where a user's files do not say which."""
ENOUGH = 10
"""From so many images on, none of the splits is left with fewer than two of them."""
WORDS = {
    "train": "train", "training": "train",
    "validation": "validation", "valid": "validation", "val": "validation", "dev": "validation",
    "test": "test", "testing": "test", "eval": "test", "evaluation": "test",
}  # fmt: skip
"""Words, in any case, by which names of folders and files say which split they are."""


def held_out(key: str) -> bool:
    """Whether a training image is for validation, by hash of its key."""
    return zlib.crc32(key.encode()) % HELD_OUT == 0


def validation_of(keys: Collection[str]) -> frozenset[str]:
    """Those of the training images that are held out for validation, by hash: one in `HELD_OUT`, and never none."""
    return frozenset(_chosen(keys, held_out, "validation"))


def share(split: str, keys: Collection[str]) -> Callable[[str], bool]:
    """Whether a key belongs to a split, where its owners have a part for testing and `keys` are all of the other one.

    Keys that are not among them, of images that are named and not there, are divided by their hash.
    """
    known, held = frozenset(keys), validation_of(keys)

    def belongs(key: str) -> bool:
        own = key in held if key in known else held_out(key)
        return split == "test" or own is (split == "validation")

    return belongs


def drawn(keys: Collection[str]) -> dict[str, str]:
    """A split for each image of a data set that has none, by hash: every one of the three gets something."""
    test = _chosen(keys, lambda key: _hash("test", key) % TEST_SHARE == 0, "test")
    rest = [key for key in keys if key not in test]
    validation = validation_of(rest)
    return {key: "test" if key in test else "validation" if key in validation else "train" for key in keys}


def _chosen(keys: Collection[str], wanted: Callable[[str], bool], salt: str) -> set[str]:
    """The keys that are wanted; where chance leaves too few of few keys, the first others by hash with them."""
    chosen = {key for key in keys if wanted(key)}
    least = min(2 if len(keys) >= ENOUGH else 1, len(keys) - 1)
    if len(chosen) < least:
        others = sorted((key for key in keys if key not in chosen), key=lambda key: (_hash(salt, key), key))
        chosen.update(others[: least - len(chosen)])
    return chosen


def _hash(salt: str, key: str) -> int:
    return zlib.crc32(f"{salt}:{key}".encode())


def told_by(name: str) -> str | None:
    """The split that the name of a folder or file tells by one of its words; None where it tells none, or two."""
    told = {WORDS[word.lower()] for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name) if word.lower() in WORDS}
    return told.pop() if len(told) == 1 else None


def told_exactly(name: str) -> str | None:
    """The split of a name that is nothing but its word: "Train", "val2014", but not "bullet_train"."""
    return WORDS.get(re.sub(r"[^a-z]", "", name.lower()))


@dataclass(frozen=True)
class Division:
    """How the images of a user's files are divided into splits.

    splits: of each image's key, None for those that belong to no split. about: one line that says how that was decided.
    unused: images that lie outside the folders or files that are splits. by_name: whether names decided, or a hash.
    """

    splits: Mapping[str, str | None]
    about: str
    unused: int = 0
    by_name: bool = False

    def keys_of(self, split: str) -> list[str]:
        """The keys of a split, in the order in which they were given."""
        return [key for key, own in self.splits.items() if own == split]


def divide(told: Mapping[str, str | None], what: str) -> Division:
    """Divide images by what their folders or files tell, and draw by hash what those do not.

    Images named for validation serve as test images where none are named for testing; where some are named for testing
    or validation and none for training, those that are not named are for training.

    Args:
        told: for each image's key the split that its place tells, None where it tells none.
        what: what tells it, for the line: "folders", "shards".
    """
    named = {split for split in told.values() if split}
    if "train" not in named and named and None in told.values():
        return _by_names({key: split or "train" for key, split in told.items()}, what)
    if "train" in named and named - {"train"}:
        return _by_names(told, what)
    only = f"{what} are named after none but {', '.join(sorted(named))}"
    reason = only if named else f"no {what} are named after them"
    return Division(drawn(told), f"splits were drawn by hash of the names, since {reason}")


def _by_names(told: Mapping[str, str | None], what: str) -> Division:
    splits, notes = dict(told), list[str]()
    named = set(splits.values())
    if "test" not in named:
        splits = {key: "test" if split == "validation" else split for key, split in splits.items()}
        notes.append("the validation images are the test split, since none are named for testing")
    if "test" not in named or "validation" not in named:
        held = validation_of([key for key, split in splits.items() if split == "train"])
        splits = {key: "validation" if key in held else split for key, split in splits.items()}
        notes.append(f"one training image in {HELD_OUT} is held out for validation")
    return Division(
        splits,
        "; ".join([f"splits are what the {what} are named after", *notes]),
        sum(s is None for s in splits.values()),
        by_name=True,
    )
