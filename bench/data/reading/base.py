"""The base of all data sets that are read from files as their owners ship them.

A loader says what its files hold (`listing`); this does the rest: which examples are taken, how images become squares,
what is written to the cache and what is left out.
"""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
import json
import sys
from abc import abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from typing_extensions import override

from bench.contracts.arguments import Count, Share
from bench.contracts.data import DataSet, Split
from bench.data.pixels import prepared
from bench.data.pixels.fit import Fit
from bench.data.pixels.training_view import read_strips
from bench.data.reading import digest, problems
from bench.data.reading.decode import Shape
from bench.data.reading.examples import Example, Listing
from bench.data.reading.paths import find_root, reading
from bench.data.reading.problems import Problem
from bench.data.reading.unread import unread_folders
from bench.data.reading.write import write_prepared
from bench.errors import DataError
from bench.system import fingerprint
from bench.system.kept import kept_folder
from bench.system.progress import reporter


@dataclass(frozen=True)
class FromFiles(DataSet):
    """A data set of files. Subclass it as a frozen dataclass in one file of `bench/data/`, with `sources`, `listing`,
    `name` and `get`, and what else differs from the defaults.

    root: the folder that holds the files. cache: where their hashes are kept between runs; a field, since `fingerprint`
    needs them before any split is asked for. None keeps nothing.
    evaluation: "protocol", the same transform for all data sets, or "paper", that of LG-VQ's loader for this one.
    tolerate: share of a split's images that may be missing or broken; they are left out, and the record says so.
    """

    size: Count = 256
    cache: Path | None = None
    evaluation: Literal["protocol", "paper"] = "protocol"
    tolerate: Share = 0.01
    name: ClassVar[str]
    get: ClassVar[str]
    """What to download from where, and where to put it."""
    published: ClassVar[Mapping[str, Mapping[str, int]]] = {}
    """Sizes its owners give: "train" counts with "validation", which is held out of it."""
    protocol_fit: ClassVar[Fit] = "crop"
    paper_fit: ClassVar[Fit] = "crop"
    training_fit: ClassVar[Fit | Literal["random crop"]] = "crop"
    """LG-VQ's training transform (its released loaders), and whether training images are flipped at random."""
    flip: ClassVar[bool] = False

    @abstractmethod
    def sources(self, root: Path) -> Sequence[Path]:
        """The files and folders below `root` that determine the content. Raises `DataError` where one is missing."""

    @abstractmethod
    def listing(self, root: Path, split: str) -> Listing:
        """What the files below `root` say of a split. Raises `DataError` where they cannot be read at all."""

    def division(self, root: Path) -> str:  # noqa: ARG002 - most have the splits of their owners
        """How images were divided into splits, where that is not what its owners say; one line, else nothing."""
        return ""

    def unused(self, root: Path) -> Sequence[str]:
        """What lies below `root`, looks like images, captions or a split, and is not read: one line each.

        By default folders of images that are none of `sources`.
        """
        return unread_folders(root, self.sources(root))

    def folder(self) -> Path:
        """The data set's folder. Raises `DataError` where there is none."""
        return find_root(self.name, self.root, self.get)

    def checked_sources(self) -> Sequence[Path]:
        """All `sources`. Raises `DataError` where one is missing."""
        root = self.folder()
        with reading(root):
            return self.sources(root)

    def read_listing(self, split: str) -> Listing:
        """The `listing` of a split. Raises `DataError` where the files cannot be read."""
        root = self.folder()
        with reading(root):
            return self.listing(root, split).once()

    @override
    def fingerprint(self) -> str:
        """Hash of arguments and of the content of all files.

        Raises:
            DataError: files are missing.
        """
        files = digest.of_files(self.folder(), self.checked_sources(), self.cache, reporter(self.name))
        return fingerprint.of_value([files, self._arguments()])

    @override
    def split(self, name: str, cache: Path) -> Split:
        """The split of this name.

        Raises:
            DataError: files are missing, or more than `tolerate` of the images are, or are broken.
            BenchError: the split cannot be kept; see `bench.system.kept`.
        """
        code = fingerprint.of_code([Path(inspect.getfile(type(self)))])
        key = fingerprint.of_value([self.fingerprint(), code])[:16]
        folder = cache / "data" / f"{self.name}-{key}" / name
        split = kept_folder(folder, lambda scratch: self._prepare(name, scratch), lambda kept: _read(name, kept))
        return dataclasses.replace(split, flip=name == "train" and self.flip)

    def choose(self, listing: Listing, split: str) -> list[Example]:
        """The first of the examples in an order that has nothing to do with their content, as many as the limits say.

        Raises:
            DataError: two examples have one key.
        """
        keys = Counter(example.key for example in listing.examples)
        twice = [key for key, count in keys.items() if count > 1]
        if twice:
            raise DataError(f"{self.name} {split}: {len(twice)} images are there twice, such as {twice[0]!r}")
        ordered = sorted(listing.examples, key=lambda example: hashlib.sha256(example.key.encode()).digest())
        return ordered[: self.limits.get("test" if split.startswith("test") else split)]

    def shape(self, split: str) -> Shape:
        """How the images of a split are stored."""
        fit = self.protocol_fit if self.evaluation == "protocol" else self.paper_fit
        if split != "train" or self.training_fit == fit:
            return Shape(self.size, fit)
        return Shape(self.size, fit, "stretch" if self.training_fit == "stretch" else "crop")

    def _arguments(self) -> dict[str, Any]:
        """What else determines the content; paths do so by what lies there."""
        values = {argument.name: getattr(self, argument.name) for argument in dataclasses.fields(self)}
        return {name: value for name, value in values.items() if not isinstance(value, Path) and name != "cache"}

    def _prepare(self, name: str, folder: Path) -> None:
        """Write a split in the prepared form, and beside it what was left out."""
        listing = self.read_listing(name)
        examples = self.choose(listing, name)
        if not examples:
            raise DataError(f"{self.name} {name}: no image can be used{problems.first(listing.problems)}. {self.get}")
        broken = write_prepared(examples, folder, self.shape(name), reporter(f"{self.name} {name}"))
        missing = problems.lost(listing.problems)
        self._judge(name, missing, len(listing.examples) + sum(problem.lost for problem in missing))
        self._judge(name, problems.lost(broken), len(examples))
        lines = [f"{name}: {count} left out, {kind}" for kind, count in problems.summary(listing.problems + broken)]
        (folder / LEFT_OUT).write_text(json.dumps(lines), encoding="utf-8")
        if name == "train":
            lines += self._remarks()
        for line in lines:
            print(f"{self.name} {line}", file=sys.stderr)

    def _remarks(self) -> list[str]:
        """What a user should know of how the folder was read: said once, and by `data check`."""
        root = self.folder()
        with reading(root):
            division = self.division(root)
            return [*([division] if division else []), *self.unused(root)]

    def _judge(self, split: str, unusable: Sequence[Problem], total: int) -> None:
        """Raises `DataError` where more than `tolerate` of the images are missing or broken."""
        count = sum(problem.lost for problem in unusable)
        if count > self.tolerate * total:
            raise DataError(
                f"{self.name} {split}: {count:,} of {total:,} are missing or broken{problems.first(unusable)}; "
                f"`data check {self.name} --root DIR` names them all, --set {self.name}.tolerate=SHARE leaves them out"
            )


LEFT_OUT = "left-out.json"
"""File of a prepared split: the lines that say what was left out."""


def _read(name: str, folder: Path) -> Split:
    warnings = tuple(json.loads((folder / LEFT_OUT).read_text(encoding="utf-8")))
    return dataclasses.replace(prepared.read(name, folder), strips=read_strips(folder), warnings=warnings)
