"""Equal parts of many records, kept once: in the records of one run protocol, data set and environment are the same."""

from __future__ import annotations

import marshal
from hashlib import blake2b
from typing import Any, TypeVar

from bench.records.record import Record

T = TypeVar("T")


class Sharing:
    """Gives each record the parts that an equal one before it had; a record of 28 KiB in memory then takes 8."""

    def __init__(self) -> None:
        self._kept: dict[bytes, Any] = {}
        self._given: set[str] = set()

    def share(self, record: Record) -> None:
        """Put parts that are kept in the place of equal ones. Nothing in a record may be changed afterwards."""
        parts = vars(record)
        for name in ("method", "dataset"):
            parts[name] = self._first(parts[name], vars(parts[name]))
        for name in ("protocol", "env"):
            parts[name] = self._first(parts[name], parts[name])
        for measured in record.metrics.values():
            # which fields were given: a set each, which takes as much memory as the fields themselves
            if measured.__pydantic_fields_set__ == self._given:
                object.__setattr__(measured, "__pydantic_fields_set__", self._given)
            else:
                self._given = measured.__pydantic_fields_set__

    def _first(self, part: T, content: dict[str, Any]) -> T:
        """The first part of this content, to the type of every number and the order of every dictionary."""
        # version 2: without references, which depend on what else holds a text
        kept: T = self._kept.setdefault(blake2b(marshal.dumps(content, 2), digest_size=16).digest(), part)
        return kept
