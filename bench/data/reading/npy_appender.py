"""An array of unknown length, written to an .npy file row by row."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import numpy as np


class NpyAppender:
    """An array uint8 [N, ...] in a new .npy file; a context manager, at whose end N is known and written.

    row: shape of a row. Not memory-mapped: the pages of 23 GB would count as this process's memory.
    """

    def __init__(self, path: Path, row: tuple[int, ...]) -> None:
        self.row, self.count = row, 0
        self.file: BinaryIO = path.open("xb")
        self._header()

    def append(self, rows: np.ndarray) -> None:
        """Write rows uint8 [n, ...] behind those that are there."""
        assert rows.dtype == np.uint8
        assert rows.shape[1:] == self.row
        self.file.write(np.ascontiguousarray(rows).data)
        self.count += len(rows)

    def _header(self) -> None:
        """numpy leaves room for the first axis to grow, so the header can be written again in its place."""
        form = {"descr": "|u1", "fortran_order": False, "shape": (self.count, *self.row)}
        np.lib.format.write_array_header_1_0(self.file, form)

    def __enter__(self) -> NpyAppender:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self.file:
            if kind is None:
                self.file.seek(0)
                self._header()
