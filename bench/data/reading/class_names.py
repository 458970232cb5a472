"""Names of the classes of ImageNet-style folders: from a list that lies there, from WordNet, or the folders' own."""

from __future__ import annotations

import importlib.util
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path

from bench.data.reading.paths import clean, read_text
from bench.data.reading.problems import some

LISTS = ("LOC_synset_mapping.txt", "synset_words.txt", "words.txt")
"""Lists with lines "ID NAME, NAME ...", as ILSVRC, its Kaggle page and tiny-imagenet ship them."""
WORDNET_ID = re.compile(r"n\d{8}")
LINE = re.compile(r"\s*([^\s:]+)(?:\s+:?|:)\s*(\S.*)")
WORDNET = "data/_info/imagenet_synset_to_lemma.txt"
"""File of the package timm: the names of ImageNet's 21,841 WordNet ids."""


def find_list(folders: Sequence[Path]) -> Path | None:
    """The first list of names that lies directly in one of these folders."""
    return next((path for folder in folders for name in LISTS if (path := folder / name).is_file()), None)


def titles(classes: Collection[str], path: Path | None) -> dict[str, str]:
    """The name of each class that has one; different classes have different names, also if case is left aside.

    A class is called by its first name. Where several have the same one, the class with the fewest names keeps it and
    the others take their next; where names run out, the folder's name in brackets tells the classes apart.

    Args:
        classes: names of the folders.
        path: a list, see `LISTS`.

    Raises:
        DataError: the list cannot be read.
    """
    names = _names(classes, path)
    shared = Counter(own[0].casefold() for own in names.values())
    taken, kept, found = set(shared), set[str](), dict[str, str]()
    for name, own in sorted(names.items(), key=lambda item: (len(set(item[1])), item[0])):
        first = own[0].casefold()
        if shared[first] > 1 and first in kept:
            free = (other for other in own[1:] if other.casefold() not in taken)
            found[name] = next(free, f"{own[0]} ({name})")
            taken.add(found[name].casefold())
        else:
            found[name] = own[0]
            kept.add(first)
    return found


def renamed(found: Mapping[str, str], path: Path | None) -> list[str]:
    """One line on the classes that are not called by their first name, since another is called so; else none."""
    names = _names(found, path)
    other = [f"{name} {title!r}" for name, title in sorted(found.items()) if title != names[name][0]]
    return [f"classes whose first name another one has are called {some(other)}"] if other else []


def _names(classes: Iterable[str], path: Path | None) -> dict[str, tuple[str, ...]]:
    """All names of each class that has any: those of the list first."""
    listed = _read(path) if path else {}
    names = {}
    for name in classes:
        own = listed.get(name, ())
        if WORDNET_ID.fullmatch(name):
            own += _wordnet().get(name, ())
        elif not own:
            own = (clean(name.replace("_", " ")),)
        if any(own):
            names[name] = own
    return names


def _read(path: Path) -> dict[str, tuple[str, ...]]:
    """The names of each class, by the id at the beginning of a line."""
    lines = [match for line in read_text(path).splitlines() if (match := LINE.fullmatch(line))]
    return {match[1]: names for match in lines if (names := _split(match[2]))}


@cache
def _wordnet() -> Mapping[str, tuple[str, ...]]:
    """The names of WordNet's nouns, by their id; the package is looked up and not imported, which takes seconds."""
    found = importlib.util.find_spec("timm")
    if found is None or not found.origin or not (path := Path(found.origin).parent / WORDNET).is_file():
        return {}
    return _read(path)


def _split(text: str) -> tuple[str, ...]:
    return tuple(name for name in map(clean, text.split(",")) if name)
