"""Files beside an image that have its name: a text or JSON file with its captions, or an image that is its mask."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from bench.data.reading.caption_texts import Reading, Texts, of_json, of_text
from bench.data.reading.own_names import plain
from bench.data.reading.paths import inside, read_text
from bench.data.reading.walk import Found

TEXT_ENDINGS = (".caption.txt", ".txt", ".caption", ".text")
ENDINGS = (*TEXT_ENDINGS, ".json")
MASKS = r"(masks?|seg|segm|segmentations?|segmaps?|labels?|labelids|annotations?|annots?|gt|depth|mattes?|alphas?)"
"""Words by which an image's name or folder says that it is no photograph but says something about one."""


def beside(files: Iterable[Found]) -> dict[str, list[Found]]:
    """Files that may hold captions, by the path and name that their image has without its ending."""
    found = defaultdict(list)
    for file in files:
        name = plain(file.name)
        ending = next((ending for ending in ENDINGS if name.casefold().endswith(ending)), "")
        if ending:
            found[name[: -len(ending)]].append(file)
    return found


def names_beside(key: str) -> tuple[str, str]:
    """The names under which `beside` holds an image's files: a.jpg has a.txt, or a.jpg.txt."""
    name = plain(key)
    return name.removesuffix(PurePosixPath(name).suffix), name


def read_beside(file: Found, how: Reading) -> Texts:
    """The captions of a file beside an image. Raises `DataError` where it cannot be read, or lies elsewhere."""
    text = read_text(inside(file.base, file.below))
    return of_json(text, file.name) if file.name.casefold().endswith(".json") else of_text(text, how)


def masks_among(keys: Iterable[str]) -> dict[str, str]:
    """Images that are masks of another, to that one's key: a_mask.png of a.jpg, masks/a.png of images/a.jpg."""
    paths = {key: PurePosixPath(plain(key)) for key in keys}
    photographs: dict[tuple[str, str], str] = {}
    anywhere: dict[str | None, list[str]] = {}
    for key, path in paths.items():
        if not _says_mask(path):
            photographs[str(path.parent), path.stem.casefold()] = key
            anywhere.setdefault(path.stem.casefold(), []).append(key)
    found = {key: _of(path, photographs, anywhere) for key, path in paths.items() if _says_mask(path)}
    return {key: photograph for key, photograph in found.items() if photograph is not None}


def _says_mask(path: PurePosixPath) -> bool:
    return _bare_stem(path) is not None or _in_masks(path)


def _in_masks(path: PurePosixPath) -> bool:
    return any(re.fullmatch(MASKS, part, re.IGNORECASE) for part in path.parent.parts)


def _bare_stem(path: PurePosixPath) -> str | None:
    """The name without its ending and its word for a mask; None where it has none."""
    found = re.fullmatch(rf"(.+)[_.-]{MASKS}", path.stem, re.IGNORECASE)
    return found[1].casefold() if found else None


def _of(
    path: PurePosixPath, photographs: Mapping[tuple[str, str], str], anywhere: Mapping[str | None, list[str]]
) -> str | None:
    """The photograph that a mask says something about; None where none is there."""
    for stem in (_bare_stem(path), path.stem.casefold()):
        if stem is not None and (str(path.parent), stem) in photographs:
            return photographs[str(path.parent), stem]
        if stem in anywhere and _in_masks(path):
            return anywhere[stem][0]
    return None
