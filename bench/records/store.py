"""The folder of records, one JSON file each.

A record's file is `<root>/<data set>/<method>/<task>/<key>.json`; per-example scores lie beside it in `<key>.npz`,
samples in the folder `<key>/`. Every file appears whole or not at all and the JSON comes last, so a record never points
to files that are missing and any number of runs may write at once. Files read back are not trusted.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bench.errors import RecordError, UsageError
from bench.records.record import KEY, Record, parse, validate
from bench.system.files import write_atomic
from bench.system.vectors import pack_vectors, unpack_vectors

if TYPE_CHECKING:
    import numpy as np


MAX_RECORD_BYTES = 4 * 2**20


class Found(NamedTuple):
    """All records of a store, sorted by path, and one line for each file that is not a record."""

    records: list[Record]
    problems: list[str]


class RecordStore:
    """A folder of records."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    def path_of(self, record: Record) -> Path:
        """Where the record's JSON lies; characters of names that do not belong in a path become "_"."""
        names = (record.dataset.name, record.method.name, record.task)
        folders = [re.sub(r"[^A-Za-z0-9._+=@-]|^\.", "_", name) for name in names]
        return self.root.joinpath(*folders, f"{record.key}.json")

    def check_writable(self) -> None:
        """Raises UsageError where a record could not be written."""
        probe = self.root / f".{uuid.uuid4().hex}.tmp"
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise UsageError(f"results folder {self.root} is not writable: {error.strerror}") from error

    def write(
        self,
        record: Record,
        per_example: Mapping[str, np.ndarray] | None = None,
        samples: Mapping[str, bytes | str] | None = None,
    ) -> Record:
        """Write a record and its files, and return it with the names of those; one of the same key is replaced.

        Args:
            record: of any status.
            per_example: name to array [n]; stored as float32, whole numbers (ids) as int32.
            samples: file name to bytes or text.

        Raises:
            RecordError: a value is not finite, a sample's name is no plain file name, or the disk refuses.
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
        try:
            for name, content in (samples or {}).items():
                write_atomic(path.with_suffix("") / name, content.encode() if isinstance(content, str) else content)
            if per_example:
                write_atomic(path.with_suffix(".npz"), pack_vectors(per_example))
            write_atomic(path, text.encode())
        except OSError as error:
            raise RecordError(f"cannot write {path}: {error.strerror or error}") from error
        return stored

    def get(self, key: str) -> Record | None:
        """The record of this key, or None.

        Raises:
            RecordError: its file is not a record.
        """
        paths = sorted(self.root.glob(f"*/*/*/{key}.json")) if KEY.fullmatch(key) else []
        return self._read(paths[0]) if paths else None

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
            return unpack_vectors(path.read_bytes())
        except (OSError, ValueError) as error:
            raise RecordError(f"{path}: no per-example scores ({error})") from error

    def _read(self, path: Path) -> Record:
        try:
            if path.stat().st_size > MAX_RECORD_BYTES:
                raise RecordError("larger than a record can be")
            record = parse(path.read_bytes())
        except (RecordError, OSError) as error:
            raise RecordError(f"{path}: not a record ({error})") from error
        if self.path_of(record) != path:
            raise RecordError(f"{path}: this record belongs at {self.path_of(record)}")
        return record
