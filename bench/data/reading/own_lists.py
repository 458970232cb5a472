"""The captions that a list in a user's folder gives its images."""

from __future__ import annotations

import posixpath
from pathlib import PurePosixPath

from bench.data.reading.caption_lists import Row, read_list
from bench.data.reading.own import OwnFolder
from bench.data.reading.own_names import Names, NotThere, plain, points_outside
from bench.data.reading.paths import inside, printable
from bench.data.reading.problems import Kind, counted
from bench.data.reading.splits import told_exactly
from bench.data.reading.walk import Found
from bench.errors import DataError


def read_rows(own: OwnFolder, file: Found, names: Names) -> None:
    """Take the captions of a list.

    Raises:
        DataError: it cannot be read, none of its columns can be used, or none of its names is one of the images.
    """
    shown = printable(file.name)
    found = read_list(inside(file.base, file.below))
    path = PurePosixPath(shown.casefold())
    if found.lacks:
        if path.stem.startswith("captions") and path.suffix != ".txt":
            raise DataError(f"{shown} {found.lacks}")
        own.remarks.append(f"not read: {shown} {found.lacks}")
        return
    meant: dict[str, str] = {}
    wrong, moved = list[tuple[Row, DataError]](), 0
    for row in found.rows:
        try:
            key = names.find(row.name, shown)
            name = posixpath.normpath(plain(str(row.name)))
            if meant.setdefault(key, name) != name:
                raise DataError(f"{row.name!r:.80} may be {key}, which {meant[key]!r:.80} is as well")
        except DataError as error:
            wrong.append((row, error))
            continue
        moved += points_outside(str(row.name))
        _take(own, key, row, f"{shown}, row {row.number}")
    if wrong and not meant:
        row, why = wrong[0]
        told = f"{shown}: none of its {counted(len(wrong), 'row')} can be used; {row.name!r:.80}: {why}"
        if path.suffix == ".json" and not path.stem.startswith("captions"):  # metadata.json may be of the whole set
            own.remarks.append(f"not read: {told}")
            return
        raise DataError(told)
    for row, why in wrong:
        stray = isinstance(why, NotThere)
        where = str(row.name)[:80] if stray else f"{shown}, row {row.number}"
        own.listing.note(printable(where), Kind.STRAY if stray else Kind.ANNOTATION, why)
    if moved:
        own.remarks.append(f"{shown}: {counted(moved, 'path')} of another place, taken for the image here that ends it")


def _take(own: OwnFolder, key: str, row: Row, where: str) -> None:
    own.listed.add(key)
    own.captions[key] += row.texts
    if split := told_exactly(row.split):
        own.told[key], own.told_by = split, "rows of lists"
    if not row.texts:
        own.listing.note(where, Kind.CAPTION, Kind.CAPTION.value, key)
