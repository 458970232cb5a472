"""Files of a user's folder that are read as nothing and may have been meant as something: one line for each kind."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import PurePosixPath

from bench.data.reading.caption_lists import holds_images, is_like_a_list
from bench.data.reading.own_names import Names
from bench.data.reading.paths import ARCHIVES, inside, printable
from bench.data.reading.problems import counted, some
from bench.data.reading.splits import told_by
from bench.data.reading.walk import Found
from bench.errors import DataError

TEXTS = (".txt", ".text", ".caption", ".lst", ".list")
ARCHIVE, PACKED, SPLITS, ELSEWHERE, LIST = range(5)


def unread_files(files: Iterable[Found], names: Names) -> tuple[list[str], list[str]]:
    """What is said of files that are neither images, nor beside one, nor lists that are read; and those like lists."""
    kinds = defaultdict[int | None, list[str]](list)
    for file in files:
        kinds[_kind(file, names)].append(printable(file.name))
    said = {
        ARCHIVE: f"{counted(len(kinds[ARCHIVE]), 'archive')}, to be unpacked: {some(kinds[ARCHIVE])}",
        PACKED: f"{counted(len(kinds[PACKED]), 'Parquet file')} with images inside, to be written out as files with a "
        f"metadata.csv: {some(kinds[PACKED])}",
        SPLITS: f"{some(kinds[SPLITS])}: splits are told by folders, or by a column of that name in a list of captions",
        ELSEWHERE: f"{counted(len(kinds[ELSEWHERE]), 'text file')} with the name of an image that lies in another "
        f"folder, not beside it: {some(kinds[ELSEWHERE])}",
        LIST: f"{some(kinds[LIST])}: a list of captions is called captions or metadata",
    }
    return [f"not read: {line}" for kind, line in said.items() if kinds[kind]], kinds[LIST]


def _kind(file: Found, names: Names) -> int | None:
    """What a file may have been meant as; None where nothing says so (a README, a licence, weights)."""
    path = PurePosixPath(file.name)
    if file.name.lower().endswith(ARCHIVES):
        return ARCHIVE
    if path.suffix.lower() == ".parquet" and _holds_images(file):
        return PACKED
    if path.suffix.lower() in TEXTS and names.has(path.stem):
        return ELSEWHERE
    if path.suffix.lower() in (*TEXTS, "") and told_by(path.stem):
        return SPLITS
    return LIST if is_like_a_list(file.name) else None


def _holds_images(file: Found) -> bool:
    try:
        return holds_images(inside(file.base, file.below))
    except DataError:  # a link out of the folder, which is not opened
        return False
