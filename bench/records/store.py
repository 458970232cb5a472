"""The folder of records, one JSON file each.

A record's file is `<root>/<data set>/<method>/<task>/<key>.json`; per-example scores lie beside it in `<key>.npz`,
samples in the folder `<key>/`. Every file appears whole or not at all and the JSON comes last, so a record never points
to files that are missing and any number of runs may write at once. Files read back are not trusted.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bench.errors import RecordError
from bench.records.places import SUFFIX, files, folders, place_of
from bench.records.record import KEY, Record, parse, validate
from bench.records.sharing import Sharing
from bench.system import untrusted
from bench.system.claims import check_writable, claim
from bench.system.files import remove, write_atomic
from bench.system.garbage import uncollected
from bench.system.terminal import one_line
from bench.system.vectors import MAX_VECTORS_BYTES, pack_vectors, unpack_vectors
from bench.system.zip_entries import check_end

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
        return Path(self.root, place_of(record))

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

    def paths_of(self, record: Record) -> list[Path]:
        """Where all its files lie: the JSON, the scores, the samples, as far as it has them."""
        path = self.path_of(record)
        scores = [record.per_example] if record.per_example is not None else []
        return [path, *(path.with_name(name) for name in scores), *(path.parent / name for name in record.samples)]

    def get(self, key: str) -> Record | None:
        """The record of this key, or None; see `problems`."""
        return self._sound(self._places(key))

    def keys(self) -> list[str]:
        """Of all files that are named like records, sorted by path; none is opened."""
        return [_key(place) for place in files(str(self.root), [])]

    def recorded(self, keys: Iterable[str]) -> dict[str, Record]:
        """The records of these keys, as `get` gives them, after one look through the folders."""
        places: dict[str, list[str]] = {key: [] for key in keys}
        for place in files(str(self.root), []):
            if (key := _key(place)) in places:
                places[key].append(place)
        with uncollected():
            found = {key: self._sound(of_key) for key, of_key in places.items() if of_key}
        return {key: record for key, record in found.items() if record is not None}

    def all(self) -> Found:
        """Every record, and every file in a record's place that is none, or has the key of a record before it.

        Equal parts of the records are the same objects.
        """
        return self.starting_with("")

    def starting_with(self, beginning: str) -> Found:
        """The same of all files whose names, which are records' keys, begin so; no other is opened."""
        found, sharing = Found([], []), Sharing()
        of_key: dict[str, str] = {}
        with uncollected():
            for place in files(str(self.root), found.problems):
                if not _key(place).startswith(beginning):
                    continue
                try:
                    record = self._read(place)
                    self._check_first(place, of_key.setdefault(record.key, place))
                except RecordError as error:
                    found.problems.append(one_line(str(error)))
                    continue
                sharing.share(record)
                found.records.append(record)
        return found

    def scores(self, record: Record, names: Collection[str] | None = None) -> dict[str, np.ndarray]:
        """Per-example scores, name to float32 or int32 array [n] that cannot be written to.

        names: those that are wanted; the others are not decoded. None for all. What the record has not is left out.

        Raises:
            RecordError: the file is missing or not what it should be.
        """
        if record.per_example is None:
            return {}
        path = f"{self.root}/{place_of(record).removesuffix(SUFFIX)}.npz"
        try:
            return unpack_vectors(untrusted.read(path, MAX_VECTORS_BYTES), names)
        except (OSError, ValueError) as error:
            raise RecordError(f"{Path(path)}: no per-example scores ({error})") from error

    def _read(self, place: str) -> Record:
        """The record at this path below the root."""
        try:
            record = parse(untrusted.read(f"{self.root}/{place}", MAX_RECORD_BYTES))
        except (RecordError, OSError, ValueError) as error:
            raise RecordError(f"{Path(self.root, place)}: not a record ({error})") from error
        if place_of(record) != place:
            raise RecordError(f"{Path(self.root, place)}: this record belongs at {self.path_of(record)}")
        return record

    def _check_first(self, place: str, first: str) -> None:
        """Raises RecordError where another record has the key of the one at this place."""
        if place != first:
            other = Path(self.root, first)
            raise RecordError(f"{Path(self.root, place)}: a second record of this key; the first is {other}")

    def _sound(self, places: Iterable[str]) -> Record | None:
        """The first of the records at these places that has all that belongs to it; the others become problems."""
        for place in places:
            try:
                record = self._read(place)
                self._check_whole(record, Path(self.root, place))
            except RecordError as error:
                if (line := one_line(str(error))) not in self.problems:
                    self.problems.append(line)
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
        for place in self._places(path.stem):
            other = Path(self.root, place)
            if not (path.parent.exists() and other.parent.samefile(path.parent)):
                for left in (other, other.with_suffix(".npz"), other.with_suffix("")):
                    remove(left)
        for own in (path, path.with_suffix(".npz")):
            if own.is_dir():
                remove(own)
        samples = path.with_suffix("")
        if samples.is_symlink() or not samples.is_dir():
            remove(samples)

    def _places(self, key: str) -> list[str]:
        """All paths below the root that are named like the record of this key, whatever is there."""
        if not KEY.fullmatch(key):
            return []
        places = [f"{folder}{key}{SUFFIX}" for folder in folders(str(self.root), [])]
        return [place for place in places if os.path.lexists(f"{self.root}/{place}")]


def _key(place: str) -> str:
    return place.rpartition("/")[2].removesuffix(SUFFIX)
