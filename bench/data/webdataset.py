"""WebDataset shards: tar archives of images with their captions, read where they lie and never unpacked."""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, NamedTuple

from bench.data.folder import ENDINGS, OWN, TEST_SHARE, TEXT_KEYS
from bench.data.reading.base import FromFiles, held_out
from bench.data.reading.examples import Example, ImageFile, Listing, Problem
from bench.data.reading.json_rows import parse
from bench.data.reading.paths import clean, printable
from bench.errors import DataError
from bench.registry import datasets

TEXT_ENDINGS = (".txt", ".caption")
MAX_MEMBER_BYTES = 2**26
"""Of one image or text; more is left out."""


class Member(NamedTuple):
    """A file in a shard. ending: from the first dot of its name on, lower case. text: of a small text or JSON file."""

    ending: str
    offset: int
    size: int
    text: bytes | None


@datasets.register("webdataset", offers=("captions",), reads_files=True)
@dataclass(frozen=True)
class WebDataset(FromFiles):
    """Shards *.tar whose files of one name belong together: KEY.jpg, and KEY.txt or KEY.json with a caption.

    Shards named train*, validation* or val*, and test* are the splits; without a test*, a hash of the key decides.
    """

    name: ClassVar[str] = "webdataset"
    get: ClassVar[str] = "Put your uncompressed .tar shards into the data set's folder"

    def sources(self, root: Path) -> Sequence[Path]:
        """See `FromFiles`."""
        return _shards(root)

    def listing(self, root: Path, split: str) -> Listing:
        """See `FromFiles`."""
        found = Listing()
        shards = _shards(root)
        own = {shard: _split_named(shard.name) for shard in shards}
        named = {"train", "test"} <= set(own.values())
        for shard in shards:
            if named and own[shard] not in (split, "train"):
                continue
            for key, members in _samples(shard, found.problems):
                if (_by_hash(key) if not named else _within(own, shard, key)) == split:
                    _add(found, shard, key, members)
        return found


def _shards(root: Path) -> list[Path]:
    """All shards, by name. Raises `DataError` where there is none, or only packed ones."""
    shards = sorted(root.glob("*.tar"))
    if not shards:
        packed = sorted(path.name for path in root.glob("*.tar.*"))
        raise DataError(f"{root} holds no .tar shards" + (f"; uncompress {packed[0]}" if packed else ""))
    return shards


def _split_named(name: str) -> str | None:
    return next((split for split, starts in OWN.items() if name.startswith(starts)), None)


def _within(own: dict[Path, str | None], shard: Path, key: str) -> str | None:
    """The split of a sample of a named shard; where none is for validation, some of "train" are."""
    split = own[shard]
    return "validation" if split == "train" and "validation" not in own.values() and held_out(key) else split


def _by_hash(key: str) -> str:
    if zlib.crc32(f"test:{key}".encode()) % TEST_SHARE == 0:
        return "test"
    return "validation" if held_out(key) else "train"


def _samples(shard: Path, problems: list[Problem]) -> Iterator[tuple[str, list[Member]]]:
    """Files of one name, in the order of the shard; only texts are read.

    Raises:
        DataError: not an uncompressed tar archive.
    """
    key, members = "", list[Member]()
    try:
        with tarfile.open(shard, "r:") as archive:
            for info in archive:
                if not info.isfile() or info.issparse():
                    continue
                folder, slash, name = printable(info.name).rpartition("/")
                stem, dot, ending = name.partition(".")
                if info.size > MAX_MEMBER_BYTES:
                    problems.append(Problem(f"{shard.name}: {printable(info.name)[:80]}", "is too large"))
                    continue
                ending = f"{dot}{ending}".lower()
                opened = archive.extractfile(info) if ending in (*TEXT_ENDINGS, ".json") else None
                text = opened.read() if opened else None
                if f"{folder}{slash}{stem}" != key and members:
                    yield key, members
                    members = []
                key = f"{folder}{slash}{stem}"
                members.append(Member(ending, info.offset_data, info.size, text))
    except (tarfile.TarError, OSError, ValueError, EOFError, OverflowError) as error:
        raise DataError(f"{shard} is not an uncompressed tar archive, or is cut off: {error}") from error
    if members:
        yield key, members


def _add(found: Listing, shard: Path, key: str, members: list[Member]) -> None:
    images = [member for member in members if member.ending in ENDINGS]
    if len(images) != 1:
        found.problems.append(Problem(f"{shard.name}: {key[:80]}", f"has {len(images)} images"))
        return
    image = ImageFile(shard.parent, shard.name, images[0].offset, images[0].size)
    try:
        captions = [text for member in members for text in _captions(member, f"{shard.name}: {key[:80]}")]
    except DataError as error:
        found.problems.append(Problem(f"{shard.name}: {key[:80]}", str(error)))
        return
    found.add(Example(f"{shard.name}/{key}", image, tuple(captions)), ("captions",))


def _captions(member: Member, where: str) -> list[str]:
    """The captions of one file of a sample. Raises `DataError` where it is not the text its name says."""
    if member.text is None:
        return []
    try:
        text = member.text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError("a text that is not UTF-8") from error
    if member.ending in TEXT_ENDINGS:
        return [line for line in map(clean, text.split("\n")) if line]
    value = parse(text, where)
    given = [value[name] for name in TEXT_KEYS if name in value] if isinstance(value, dict) else []
    flat = [text for one in given for text in (one if isinstance(one, list) else [one])]
    return [text for text in map(clean, flat) if text]
