"""WebDataset shards: tar archives of images with their captions, read where they lie and never unpacked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar, Literal

from typing_extensions import override

from bench.data.reading.base import FromFiles
from bench.data.reading.caption_texts import Reading
from bench.data.reading.examples import Listing
from bench.data.reading.own import OwnShards
from bench.data.reading.own_shards import captioned, read_shards
from bench.data.reading.paths import find_root, printable, reading
from bench.data.reading.problems import some
from bench.data.reading.remembered import state_of
from bench.data.reading.unread import unread_folders
from bench.data.reading.walk import walk
from bench.errors import DataError
from bench.registry import datasets

PACKED = (".tgz", ".tar.gz", ".tar.zst", ".tar.bz2", ".tar.xz", ".tar.lz4", ".tbz2", ".txz", ".zip")


@datasets.register("webdataset", offers=("captions",), reads_files=True)
@dataclass(frozen=True)
class WebDataset(FromFiles):
    """Shards *.tar whose files of one name belong together: KEY.jpg, and KEY.txt or KEY.json with a caption.

    Shards named after splits, or in folders that are, are the splits, else a hash of the key decides.
    txt: whether a .txt is one caption, or each of its lines is one. redistributable: whether records may show images
    and captions: yours to say.
    """

    txt: Literal["caption", "lines"] = "caption"
    redistributable: bool = False  # type: ignore[misc]  # a fact of other data sets, an argument here
    name: ClassVar[str] = "webdataset"
    get: ClassVar[str] = "Put your uncompressed .tar shards into the data set's folder"

    @override
    def sources(self, root: Path) -> Sequence[Path]:
        return [root / shard for shard in _shards(root)]

    @override
    def lacks(self, kind: str) -> str | None:
        root = find_root(self.name, self.root, self.get)
        with reading(root):
            if any(captioned(root / shard, self.txt) for shard in _shards(root)):
                return None
        return f"no .txt, .caption or .json with a caption beside an image in the shards of {root}"

    @override
    def division(self, root: Path) -> str:
        return self._own(root).division.about

    @override
    def unused(self, root: Path) -> Sequence[str]:
        packed = _packed(root)
        lines = [f"not read: {some(packed)}: uncompress {'it' if len(packed) == 1 else 'them'}"] if packed else []
        return [*self._own(root).remarks, *lines, *unread_folders(root, self.sources(root))]

    @override
    def listing(self, root: Path, split: str) -> Listing:
        return self._own(root).of_split(split)

    def _own(self, root: Path) -> OwnShards:
        """All that the shards hold, read again only after a change. Raises `DataError` where none can be read."""
        shards = _shards(root)
        return _read(root, tuple(shards), self.txt, state_of(f"{root}/{shard}" for shard in shards))


@lru_cache(maxsize=1)
def _read(root: Path, shards: tuple[str, ...], how: Reading, state: str) -> OwnShards:  # noqa: ARG001 - tells readings apart
    return read_shards(root, shards, how)


def _shards(root: Path) -> list[str]:
    """All shards below a folder. Raises `DataError` where there is none, or only packed ones."""
    shards = sorted(file.name for file in walk(root) if file.name.lower().endswith(".tar"))
    if not shards:
        packed = _packed(root)
        raise DataError(f"{root} holds no .tar shards" + (f"; uncompress {some(packed)}" if packed else ""))
    return shards


def _packed(root: Path) -> list[str]:
    return [printable(file.name) for file in walk(root) if file.name.lower().endswith(PACKED)]
