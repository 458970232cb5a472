"""The base of all data sets that are read from files as their owners ship them.

A loader says what its files hold (`listing`); this does the rest: which examples are held out, how images become
squares, what is written to the cache and what is left out.
"""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import inspect
import json
import sys
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from bench.contracts.data import Split
from bench.data.pixels import prepared
from bench.data.pixels.fit import CUT_AWAY, Fit
from bench.data.pixels.training_view import read_strips
from bench.data.reading import digest
from bench.data.reading.decode import Shape
from bench.data.reading.examples import Example, Listing, Problem
from bench.data.reading.paths import find_root, reading
from bench.data.reading.write import write
from bench.errors import DataError
from bench.system import fingerprint
from bench.system.files import whole_folder
from bench.system.progress import reporter

HELD_OUT = 20
"""One training image in so many is for validation where the owners keep none apart: nothing is chosen on test data."""
SHOWN = 3


@dataclass(frozen=True)
class FromFiles:
    """Arguments of every data set read from files.

    root: the folder that holds them. cache: where the harness keeps hashes of files between runs.
    evaluation: "protocol", the same transform for all data sets, or "paper", that of LG-VQ's loader for this one.
    tolerate: share of a split's images that may be missing or broken; they are left out, and the record says so.
    """

    size: int = 256
    limits: Mapping[str, int] = field(default_factory=dict)
    root: Path | None = None
    cache: Path | None = None
    evaluation: Literal["protocol", "paper"] = "protocol"
    tolerate: float = 0.01
    splits: ClassVar[tuple[str, ...]] = ("train", "validation", "test")
    needs_root: ClassVar[bool] = True
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

    def sources(self, root: Path) -> Sequence[Path]:
        """The files and folders that determine the content. Raises `DataError` where one is missing."""
        raise NotImplementedError

    def listing(self, root: Path, split: str) -> Listing:
        """What the files say of a split. Raises `DataError` where they cannot be read at all."""
        raise NotImplementedError

    def lacks(self, kind: str) -> str | None:  # noqa: ARG002 - most have no optional parts
        """Why `kind` ("captions", "masks" ...), which this data set can offer, is not there now; None if it is."""
        return None

    def folder(self) -> Path:
        """The data set's folder. Raises `DataError` where there is none."""
        return find_root(self.name, self.root, self.get)

    def present(self) -> Sequence[Path]:
        """All `sources`. Raises `DataError` where one is missing."""
        root = self.folder()
        with reading(root):
            return self.sources(root)

    def read(self, split: str) -> Listing:
        """What the files say of a split. Raises `DataError` where they cannot be read."""
        root = self.folder()
        with reading(root):
            return self.listing(root, split)

    def fingerprint(self) -> str:
        """Hash of arguments and of the content of all files.

        Raises:
            DataError: files are missing.
        """
        files = digest.of_files(self.folder(), self.present(), self.cache, reporter(self.name))
        return fingerprint.of_value([files, self._arguments()])

    def split(self, name: str, cache: Path) -> Split:
        """See `bench.contracts.DataSet`.

        Raises:
            DataError: files are missing, or more than `tolerate` of the images are, or are broken.
        """
        code = fingerprint.of_code([Path(inspect.getfile(type(self)))])
        key = fingerprint.of_value([self.fingerprint(), code])[:16]
        folder = cache / "data" / f"{self.name}-{key}" / name
        if not folder.exists():
            try:
                with whole_folder(folder) as scratch:
                    self._prepare(name, scratch)
            except OSError as error:
                full = error.errno in (errno.ENOSPC, errno.EDQUOT)
                raise DataError(f"{cache}: {'no space left' if full else error.strerror}; nothing was kept") from error
        left_out = _read_left_out(folder)
        split = prepared.read(name, folder)
        train = name == "train"
        return dataclasses.replace(
            split, strips=read_strips(folder), flip=train and self.flip, warnings=tuple(left_out)
        )

    def chosen(self, listing: Listing, split: str) -> list[Example]:
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
        listing = self.read(name)
        examples = self.chosen(listing, name)
        if not examples:
            raise DataError(f"{self.name} {name}: no image can be used{_first(listing.problems)}. {self.get}")
        problems = write(examples, folder, self.shape(name), reporter(f"{self.name} {name}"))
        self._judge(name, listing.problems, len(listing.examples) + len(listing.problems))
        self._judge(name, [problem for problem in problems if problem.what != CUT_AWAY], len(examples))
        lines = [f"{name}: {count} left out, {what}" for what, count in sorted(summary(listing.problems + problems))]
        (folder / "left-out.json").write_text(json.dumps(lines), encoding="utf-8")
        for line in lines:
            print(f"{self.name} {line}", file=sys.stderr)

    def _judge(self, split: str, problems: Sequence[Problem], total: int) -> None:
        """Raises `DataError` where more than `tolerate` is missing or broken."""
        if len(problems) > self.tolerate * total:
            raise DataError(
                f"{self.name} {split}: {len(problems):,} of {total:,} are missing or broken{_first(problems)}; "
                f"`data check {self.name} --root DIR` names them all, --set {self.name}.tolerate=SHARE leaves them out"
            )


def _first(problems: Sequence[Problem]) -> str:
    """The first problems, in brackets."""
    shown = "; ".join(f"{problem.file}: {problem.what}" for problem in problems[:SHOWN])
    return f" ({shown})" if shown else ""


def held_out(key: str) -> bool:
    """Whether a training image is for validation, by hash of its identity."""
    return zlib.crc32(key.encode()) % HELD_OUT == 0


def belongs(split: str, key: str) -> bool:
    """Whether an image that its owners use for training belongs to "train" or "validation"."""
    return held_out(key) is (split == "validation")


def summary(problems: Sequence[Problem]) -> list[tuple[str, int]]:
    """Each kind of problem, without the numbers of single files, and how often it occurs."""
    return list(Counter(problem.what.partition(":")[0] for problem in problems).items())


def _read_left_out(folder: Path) -> list[str]:
    try:
        found: list[str] = json.loads((folder / "left-out.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{folder} is damaged ({error}); delete it and it is prepared anew") from error
    return found
