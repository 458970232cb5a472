"""WebDataset shards: tar archives of images with their captions, read where they lie and never unpacked."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, NamedTuple

from typing_extensions import override

from bench.data.reading.base import FromFiles
from bench.data.reading.examples import ENDINGS, TEXT_KEYS, Example, ImageFile, Listing
from bench.data.reading.json_rows import parse_json
from bench.data.reading.paths import clean, open_file, printable
from bench.data.reading.problems import Kind, Problem
from bench.data.reading.splits import SPLIT_NAMES, by_hash, without_validation
from bench.errors import DataError
from bench.registry import datasets

TEXT_ENDINGS = (".txt", ".caption")
MAX_MEMBER_BYTES = 2**26
"""Size of one image or text; what is larger is left out."""


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

    @override
    def sources(self, root: Path) -> Sequence[Path]:
        return _shards(root)

    @override
    def listing(self, root: Path, split: str) -> Listing:
        listing = Listing()
        shards = _shards(root)
        named = {shard: _split_named(shard.name) for shard in shards}
        all_named = {"train", "test"} <= set(named.values())
        for shard in shards:
            if all_named and named[shard] not in (split, "train"):
                continue
            for key, members in _samples(shard, listing.problems):
                if (without_validation(named[shard], key, named.values()) if all_named else by_hash(key)) == split:
                    _add(listing, shard, key, members)
        return listing


def _shards(root: Path) -> list[Path]:
    """All shards, by name. Raises `DataError` where there is none, or only packed ones."""
    shards = sorted(root.glob("*.tar"))
    if not shards:
        packed = sorted(path.name for path in root.glob("*.tar.*"))
        raise DataError(f"{root} holds no .tar shards" + (f"; uncompress {packed[0]}" if packed else ""))
    return shards


def _split_named(name: str) -> str | None:
    """The split that a shard's name tells; None where it tells none."""
    return next((split for split, starts in SPLIT_NAMES.items() if name.startswith(starts)), None)


def _samples(shard: Path, problems: list[Problem]) -> Iterator[tuple[str, list[Member]]]:
    """Files of one name, in the order of the shard; only texts are read.

    Raises:
        DataError: not an uncompressed tar archive.
    """
    key, members = "", list[Member]()
    try:
        with open_file(shard) as file, tarfile.open(fileobj=file, mode="r:") as archive:
            for info in archive:
                if not info.isfile() or info.issparse():
                    continue
                folder, slash, name = printable(info.name).rpartition("/")
                stem, dot, ending = name.partition(".")
                if info.size > MAX_MEMBER_BYTES:
                    problems.append(Problem(f"{shard.name}: {printable(info.name)[:80]}", Kind.IMAGE, "is too large"))
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


def _add(listing: Listing, shard: Path, key: str, members: list[Member]) -> None:
    """Take the sample of these files, or note what is wrong with it."""
    images = [member for member in members if member.ending in ENDINGS]
    if len(images) != 1:
        listing.note(f"{shard.name}: {key[:80]}", Kind.INCOMPLETE, f"has {len(images)} images")
        return
    file = Path(os.path.realpath(shard))  # a shard may be the user's own link
    image = ImageFile(file.parent, file.name, images[0].offset, images[0].size)
    try:
        captions = [text for member in members for text in _captions(member, f"{shard.name}: {key[:80]}")]
    except DataError as error:
        listing.note(f"{shard.name}: {key[:80]}", Kind.ANNOTATION, error)
        return
    listing.add(Example(f"{shard.name}/{key}", image, tuple(captions)), ("captions",))


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
    value = parse_json(text, where)
    given = [value[name] for name in TEXT_KEYS if name in value] if isinstance(value, dict) else []
    flat = [text for texts in given for text in (texts if isinstance(texts, list) else [texts])]
    return [text for text in map(clean, flat) if text]
