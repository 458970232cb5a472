"""The entries of a zip file that anybody may have made: stored or deflated, without a comment, below 4 GiB.

`zipfile` does the same for every kind of zip file, and takes four times as long for the small ones of records.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Collection
from typing import BinaryIO, NamedTuple

END = struct.Struct("<4s4H2LH")
"""How the file ends: mark, numbers of parts and entries, size and place of the index, length of a comment."""
LISTED = struct.Struct("<4s4x2H4x3L3H8xL")
"""An entry of the index: mark, flags, method, checksum, size packed and unpacked, lengths of name, extra and comment,
place of its head."""
HEAD = struct.Struct("<4s22x2H")
"""What stands before an entry's content: mark, lengths of name and extra."""
ENCRYPTED = 0x1
STORED, DEFLATED = 0, 8


class Entry(NamedTuple):
    """What the index says of an entry; `packed` and `size` are bytes, `start` is where its head is."""

    name: str
    method: int
    checksum: int
    packed: int
    size: int
    start: int


def check_end(file: BinaryIO) -> None:
    """Hold an open file to ending as a zip file does: the quickest way to find that it is cut off.

    Raises:
        ValueError: it does not.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - END.size))
    _index(file.read(END.size), size)


def entries(data: bytes, names: Collection[str] | None = None) -> tuple[list[Entry], int]:
    """What the index of a zip file lists, in its order, and how many bytes all that it lists takes unpacked.

    names: of the entries that are wanted; None for all.

    Raises:
        ValueError: it is none, or one of another kind.
    """
    count, place, end = _index(data[-END.size :], len(data))
    wanted = None if names is None else {name.encode(errors="replace") for name in names}
    found, total = [], 0
    for _ in range(count):
        if place + LISTED.size > end:
            raise ValueError("its index is cut off")
        mark, flags, method, checksum, packed, size, named, extra, comment, start = LISTED.unpack_from(data, place)
        if mark != b"PK\1\2" or flags & ENCRYPTED or method not in (STORED, DEFLATED):
            raise ValueError("its index is none, or an entry is encrypted or packed in another way")
        name = data[place + LISTED.size : place + LISTED.size + named]
        place += LISTED.size + named + extra + comment
        total += size
        if wanted is None or name in wanted:
            found.append(Entry(name.decode(), method, checksum, packed, size, start))
    if place != end:
        raise ValueError("its index is of another length")
    return found, total


def packed_content(data: bytes, entry: Entry) -> bytes:
    """An entry's bytes as the file has them.

    Raises:
        ValueError: they are not there.
    """
    if entry.start + HEAD.size > len(data):
        raise ValueError("an entry is cut off")
    mark, named, extra = HEAD.unpack_from(data, entry.start)
    start = entry.start + HEAD.size + named + extra
    if mark != b"PK\3\4" or start + entry.packed > len(data):
        raise ValueError("an entry is not where the index says")
    return data[start : start + entry.packed]


def unpacked(content: bytes, method: int, size: int, checksum: int) -> bytes:
    """What an entry holds, from its packed content; never more than `size` bytes are made of it.

    Raises:
        ValueError: it is damaged, or not what the index says.
    """
    if method == DEFLATED:
        stream = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            content = stream.decompress(content, size + 1)
        except zlib.error as error:
            raise ValueError(str(error)) from error
    if len(content) != size or zlib.crc32(content) != checksum:
        raise ValueError("an entry is not what its checksum says")
    return content


def _index(last: bytes, size: int) -> tuple[int, int, int]:
    """Number of entries, beginning and end of the index, from the last bytes of a file of this size."""
    if len(last) == END.size:
        mark, *_, count, length, start, comment = END.unpack(last)
        if mark == b"PK\5\6" and start + length + END.size == size and comment == 0:
            return count, start, start + length
    raise ValueError("cut off, or no .npz file")
