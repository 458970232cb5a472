"""Caption lists of Flickr8k: the owners' IMAGE#NUMBER<tab>CAPTION, and the re-upload's image,caption."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

from bench.data.reading.paths import clean, read_text, safe_name
from bench.data.reading.problems import Kind, Problem
from bench.errors import DataError


def read_captions(path: Path, problems: list[Problem]) -> dict[str, tuple[str, ...]]:
    """Captions by the file names of images, in the order of the list; rows that cannot be used are noted.

    Raises:
        DataError: the list cannot be read, or no row of it is one.
    """
    captions: dict[str, list[str]] = defaultdict(list)
    for number, line in enumerate(read_text(path).split("\n"), 1):
        row = _row(line)
        if row is None or (number == 1 and row == ("image", "caption")):
            continue
        name, text = row[0].strip(), clean(row[1])
        where = f"{path.name}, line {number}"
        try:
            safe_name(name)
        except DataError as error:
            problems.append(Problem(where, Kind.ANNOTATION, str(error)))
            continue
        if text:
            captions[name].append(text)
        else:
            captions[name] += []
            problems.append(Problem(where, Kind.CAPTION, Kind.CAPTION, name))
    if not any(captions.values()):
        raise DataError(f"{path} holds no captions: lines are IMAGE.jpg#0<tab>CAPTION, or IMAGE.jpg,CAPTION")
    return {name: tuple(texts) for name, texts in captions.items()}


def _row(line: str) -> tuple[str, str] | None:
    """A line's image and caption, None where it is empty; a caption may hold commas that are not in quotes."""
    if not line.strip():
        return None
    if "\t" in line:
        name, _, text = line.partition("\t")
        return name.rpartition("#")[0] or name, text
    try:
        fields = next(csv.reader([line]))
    except csv.Error:
        fields = line.split(",")
    return fields[0], ",".join(fields[1:])
