"""The folder of records, one JSON file each.

A record's file is `<root>/<data set>/<method>/<task>/<key>.json`; per-example scores lie beside it in `<key>.npz`,
samples in the folder `<key>/`. Every file appears whole or not at all and the JSON comes last, so a record never points
to files that are missing and any number of runs may write at once. Files read back are not trusted.
"""

from __future__ import annotations

import contextlib
import gc
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bench.errors import RecordError
from bench.records.record import KEY, Record, parse, validate
from bench.system import untrusted
from bench.system.claims import check_writable, claim
from bench.system.files import remove, write_atomic
from bench.system.vectors import MAX_VECTORS_BYTES, check_end, pack_vectors, unpack_vectors

if TYPE_CHECKING:
    import numpy as np


MAX_RECORD_BYTES = 4 * 2**20


class Found(NamedTuple):
    """All records of a store, sorted by path, and one line for each file that is not a record."""

    records: list[Record]
    problems: list[str]


class RecordStore:
    """A folder of records.

    problems: a line for each file that `get` and `recorded` met and that is no record, or lacks what belongs to it.
        They take such a record for one that is not there, and `write` replaces it.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root)
        self.problems: list[str] = []

    def path_of(self, record: Record) -> Path:
        """Where the record's JSON lies; characters of names that do not belong in a path become "_"."""
        names = (record.dataset.name, record.method.name, record.task)
        folders = [re.sub(r"[^A-Za-z0-9._+=@-]|^\.", "_", name) for name in names]
        return self.root.joinpath(*folders, f"{record.key}.json")

    def check_writable(self) -> None:
        """Raises UsageError where a record could not be written."""
        check_writable(self.root, "results")

    def write(
        self,
        record: Record,
        per_example: Mapping[str, np.ndarray] | None = None,
        samples: Mapping[str, bytes | str] | None = None,
    ) -> Record:
        """Write a record and its files, in the place of all that lies under its key; returns the record that is stored.

        That is this one, with the names of its files; or, where this one is failed, a good one that is there already.

        Args:
            record: of any status.
            per_example: name to array [n]; stored as float32, rounded as far as the mean bears it, whole numbers (ids)
                as int32: see `pack_vectors`.
            samples: file name to bytes or text.

        Raises:
            RecordError: a value is not finite, a sample's name is no plain file name, or the disk refuses.
            BenchError: the folder cannot be written, or its file system offers no locks.
        """
        path = self.path_of(record)
        fields = record.model_dump() | {
            "per_example": f"{record.key}.npz" if per_example else None,
            "samples": sorted(f"{record.key}/{name}" for name in samples or {}),
        }
        try:
            stored = validate(fields)
            text = stored.to_json()
        except RecordError as error:
            raise RecordError(f"cannot write record {record.key}: {error}") from error
        with claim(path):
            if stored.status == "failed":
                before = self.get(record.key)
                if before is not None and before.status != "failed":
                    return before
            try:
                self._make_room(path)
                for name, content in (samples or {}).items():
                    write_atomic(path.with_suffix("") / name, content.encode() if isinstance(content, str) else content)
                if per_example:
                    write_atomic(path.with_suffix(".npz"), pack_vectors(per_example))
                write_atomic(path, text.encode())
            except OSError as error:
                raise RecordError(f"record {record.key}: {error}") from error
        return stored

    def get(self, key: str) -> Record | None:
        """The record of this key, or None; see `problems`."""
        return self._sound(self._places(key))

    def recorded(self, keys: Iterable[str]) -> dict[str, Record]:
        """The records of these keys, as `get` gives them, after one look through the folders."""
        places: dict[str, list[Path]] = {key: [] for key in keys}
        for folder in self._folders():
            for name in sorted(os.listdir(folder)):  # noqa: PTH208 - a hundred thousand names
                if name.endswith(".json") and name[:-5] in places:
                    places[name[:-5]].append(folder / name)
        with _uncollected():
            found = {key: self._sound(paths) for key, paths in places.items() if paths}
        return {key: record for key, record in found.items() if record is not None}

    def all(self) -> Found:
        """Every record, and every file in a record's place that is none."""
        found = Found([], [])
        for path in sorted(self.root.glob("*/*/*/*.json"), key=lambda path: path.relative_to(self.root).as_posix()):
            try:
                found.records.append(self._read(path))
            except RecordError as error:
                found.problems.append(str(error))
        return found

    def scores(self, record: Record) -> dict[str, np.ndarray]:
        """Per-example scores, name to float32 or int32 array [n]; empty where the record has none.

        Raises:
            RecordError: the file is missing or not what it should be.
        """
        if record.per_example is None:
            return {}
        path = self.path_of(record).with_name(record.per_example)
        try:
            return unpack_vectors(untrusted.read(path, MAX_VECTORS_BYTES))
        except (OSError, ValueError) as error:
            raise RecordError(f"{path}: no per-example scores ({error})") from error

    def _read(self, path: Path) -> Record:
        try:
            record = parse(untrusted.read(path, MAX_RECORD_BYTES))
        except (RecordError, OSError, ValueError) as error:
            raise RecordError(f"{path}: not a record ({error})") from error
        if self.path_of(record) != path:
            raise RecordError(f"{path}: this record belongs at {self.path_of(record)}")
        return record

    def _sound(self, paths: Iterable[Path]) -> Record | None:
        """The first of the records at these paths that has all that belongs to it; the others become problems."""
        for path in paths:
            try:
                record = self._read(path)
                self._check_whole(record, path)
            except RecordError as error:
                if str(error) not in self.problems:
                    self.problems.append(str(error))
            else:
                return record
        return None

    def _check_whole(self, record: Record, path: Path) -> None:
        """Raises RecordError where a record measured nothing and says nothing of it, or its scores are cut off."""
        if record.status == "ok" and not (record.metrics or record.skipped):
            raise RecordError(f"{path}: a record without a value")
        if record.per_example is None:
            return
        scores = path.with_name(record.per_example)
        try:
            with untrusted.opened(scores, MAX_VECTORS_BYTES) as file:
                check_end(file)
        except (OSError, ValueError) as error:
            raise RecordError(f"{scores}: no per-example scores ({error})") from error

    def _make_room(self, path: Path) -> None:
        """Remove what lies under the record's key elsewhere, and what is of another kind than is to be written."""
        for other in self._places(path.stem):
            if not (path.parent.exists() and other.parent.samefile(path.parent)):
                for place in (other, other.with_suffix(".npz"), other.with_suffix("")):
                    remove(place)
        for place in (path, path.with_suffix(".npz")):
            if place.is_dir():
                remove(place)
        samples = path.with_suffix("")
        if samples.is_symlink() or not samples.is_dir():
            remove(samples)

    def _places(self, key: str) -> list[Path]:
        """All files that are named like the record of this key."""
        if not KEY.fullmatch(key):
            return []
        paths = [folder / f"{key}.json" for folder in self._folders()]
        return [path for path in paths if os.path.lexists(path)]

    def _folders(self) -> Iterator[Path]:
        """All folders <data set>/<method>/<task>, sorted."""
        yield from sorted(path for path in self.root.glob("*/*/*") if path.is_dir())


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Many objects are made and none is dropped: to look for garbage among them would take as long again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
