"""Tar archives of samples, whose files of one name belong together; they are read where they lie and never unpacked."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple

from bench.data.reading.caption_texts import Reading, Texts, decoded, of_json, of_text
from bench.data.reading.examples import ENDINGS, UNREAD_ENDINGS
from bench.data.reading.paths import is_leftover, open_file, printable
from bench.data.reading.sidecars import TEXT_ENDINGS
from bench.errors import DataError

MAX_MEMBER_BYTES = 2**26
"""Size of one image or text; what is larger is left out."""
PACKED = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x04\x22\x4d\x18": "lz4",
}
KNOWN = (*TEXT_ENDINGS, ".json", *ENDINGS, *UNREAD_ENDINGS)


class Member(NamedTuple):
    """A file of a sample. key: its path up to its ending, which is in lower case. texts: captions it holds.

    wrong: why it cannot be used; empty where it can.
    """

    key: str
    ending: str
    offset: int
    size: int
    texts: Texts | None = None
    wrong: str = ""


class Broken(DataError):
    """A shard is damaged or ends too early; what was read before that can be used."""


class Packed(Broken):
    """A shard is compressed, whatever its name says."""


def members(shard: Path, how: Reading) -> Iterator[Member]:
    """Every image, text and JSON file of a shard; only texts are read. Others, links and leftovers are passed over.

    Raises:
        Broken: the shard is cut off, damaged, compressed or no tar archive at all.
    """
    started = False
    try:
        with open_file(shard) as file:
            _refuse_packed(file)
            length = file.seek(0, 2)
            file.seek(0)
            with tarfile.open(fileobj=file, mode="r:") as archive:
                for info in archive:
                    started = True
                    if info.isfile() and not info.issparse() and info.offset_data + info.size > length:
                        raise Broken(f"is cut off within {printable(info.name)[:80]}")
                    found = _named(info)
                    if found:
                        yield _read(found, info, archive, how)
                _require_end(file, archive.offset, length)
    except (tarfile.TarError, OSError, ValueError, EOFError, OverflowError) as error:
        what = "is cut off or damaged" if started else "is not an uncompressed tar archive, or is cut off"
        raise Broken(f"{what}: {error}") from error


def _refuse_packed(file: BinaryIO) -> None:
    start = file.read(6)
    for mark, name in PACKED.items():
        if start.startswith(mark):
            raise Packed(f"is compressed by {name}: uncompress it")


def _require_end(file: BinaryIO, offset: int, length: int) -> None:
    """An archive ends in blocks of zeros, or where its writer stopped; else what follows could not be read."""
    file.seek(offset)
    if offset < length and file.read(tarfile.BLOCKSIZE).strip(b"\0"):
        raise Broken(f"is damaged or cut off at byte {offset:,}")


def is_ended(shard: Path) -> bool:
    """Whether an archive ends in a block of zeros, as its writer leaves it; one cut off between two files does not."""
    with open_file(shard) as file:
        file.seek(-min(tarfile.BLOCKSIZE, file.seek(0, 2)), 2)
        return not file.read().strip(b"\0")


def _named(info: tarfile.TarInfo) -> Member | None:
    """The member's place in its sample; None where it is no file that matters."""
    parts = [part for part in printable(info.name).split("/") if part not in ("", ".")]
    if not info.isfile() or info.issparse() or not parts or any(part != ".." and is_leftover(part) for part in parts):
        return None
    name = "/".join(parts)
    ending = next((ending for ending in KNOWN if name.lower().endswith(ending)), "")
    key = name[: len(name) - len(ending)]
    return Member(key, ending, info.offset_data, info.size) if ending and PurePosixPath(key).name else None


def _read(member: Member, info: tarfile.TarInfo, archive: tarfile.TarFile, how: Reading) -> Member:
    """The member with the captions it holds, or with what is wrong with it."""
    if info.size > MAX_MEMBER_BYTES:
        return member._replace(wrong="is too large")
    if member.ending not in (*TEXT_ENDINGS, ".json"):
        return member
    opened = archive.extractfile(info)
    try:
        text = decoded(opened.read() if opened else b"")
        name = f"{member.key}{member.ending}"
        return member._replace(texts=of_json(text, name) if member.ending == ".json" else of_text(text, how))
    except DataError as error:
        return member._replace(wrong=str(error))
