"""The images that lists of captions name: by their paths, or as far as only one image can be meant."""

from __future__ import annotations

import posixpath
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from pathlib import PurePosixPath, PureWindowsPath

from bench.data.reading.examples import ENDINGS, UNREAD_ENDINGS
from bench.data.reading.places import told_by_path
from bench.data.reading.problems import some
from bench.errors import DataError


class NotThere(DataError):
    """No image of this name lies in the folder."""


def plain(name: str) -> str:
    """A name as it is compared: "/" between folders, and accents as one character, which macOS stores as two."""
    return unicodedata.normalize("NFC", name.replace("\\", "/"))


def points_outside(name: str) -> bool:
    """Whether a name is a path of some machine or leads above the folder it stands in."""
    windows = PureWindowsPath(name)
    return bool(windows.drive or windows.root or "://" in name or posixpath.normpath(plain(name)).startswith("../"))


class Names:
    """Finds images by names. It compares names and opens nothing, so a name can lead nowhere but to one of the images.

    Args:
        keys: names of the images below the folder.
    """

    def __init__(self, keys: Iterable[str]) -> None:
        self.exact: dict[str, str] = {}
        self.by_base: defaultdict[str, list[str]] = defaultdict(list)
        self.folders = {""}
        for key in keys:
            self.exact.setdefault(plain(key), key)
            base = _base(key)
            for name in {base, base.rpartition(".")[0] or base}:
                self.by_base[name].append(key)
            self.folders.update(f"{folder}/" for folder in PurePosixPath(key).parents if str(folder) != ".")

    def has(self, stem: str) -> bool:
        """Whether an image in any folder has this name, which is without an ending."""
        return _base(stem) in self.by_base

    def find(self, name: object, listed_in: str) -> str:
        """The key of the image that a list, of this name below the folder, names.

        Raises:
            NotThere: there is none.
            DataError: it is no name, several images may be meant, or it points outside and to no image here.
        """
        if not isinstance(name, str) or not name.strip() or "\0" in name or len(name) > 1_000:
            raise DataError(f"{name!r:.80} is no file name")
        outside, given = points_outside(name), plain(name).strip()
        folder = f"{PurePosixPath(listed_in).parent}/".removeprefix("./")
        for where in (folder, ""):
            path = posixpath.normpath(where + given)
            if not outside and path in self.exact:
                return self.exact[path]
        found = self._meant(given, folder, outside)
        told = told_by_path(PurePosixPath(listed_in).stem)  # captions_val.json means images of val/
        found = [key for key in found if not told or told_by_path(_folder_of(key)) in (None, told)]
        if len(found) > 1:
            raise DataError(f"{name!r:.80} may be {some(found)}: names need their folder")
        if not found and outside:
            raise DataError(f"refused: {name!r:.80} points outside the data set's folder")
        if not found:
            raise NotThere("captions of an image that is not there")
        return found[0]

    def _meant(self, given: str, folder: str, outside: bool) -> list[str]:
        """Images of the same file name of which one path is the end of the other, or else that may be the same."""
        named = PurePosixPath(given).suffix.casefold() in ENDINGS | UNREAD_ENDINGS
        scope = folder if folder in self.folders else ""
        alike = [key for key in self.by_base.get(_base(given), []) if key.startswith(scope)]
        paths = {key: key if named else key.removesuffix(PurePosixPath(key).suffix) for key in alike}
        ends = [key for key, path in paths.items() if _ends(path, given) or _ends(given, path[len(scope) :])]
        if ends or not outside:
            return ends
        told = told_by_path(_folder_of(given))
        return [key for key in alike if told is None or told_by_path(_folder_of(key)) in (None, told)]


def _ends(path: str, end: str) -> bool:
    return f"/{plain(path)}".casefold().endswith(f"/{plain(end)}".casefold())


def _base(name: str) -> str:
    return plain(name).rpartition("/")[2].casefold()


def _folder_of(name: str) -> str:
    return name.rpartition("/")[0]
