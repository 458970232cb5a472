"""What an engine reads on the originals of a split: the same for every method, and so kept in the cache."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from bench.contracts.data import Split
from bench.system import fingerprint
from bench.system.kept import kept, key_of
from bench.tasks.parts.reading import engine
from bench.tasks.parts.reading.engine import Engine, Line
from bench.tasks.parts.reading.scores import words_in

Lines = Sequence[Sequence[Line]]
"""Of each image the lines on it."""


def read_originals(reader: Engine, split: Split, images: int) -> Lines:
    """The lines with a word in them on the first `images` images of a split.

    Raises:
        BenchError: they cannot be kept; see `bench.system.kept`.
    """
    path = None
    if split.cache is not None:
        key = key_of([engine.fingerprint(), fingerprint.of_code([Path(__file__)]), images])
        path = split.cache / f"readings-{key}.json"
    return kept(path, lambda: [_lines(reader, split, image) for image in range(images)], _pack, _read)


def _lines(reader: Engine, split: Split, image: int) -> list[Line]:
    return [line for line in reader.lines(split.images[image]) if words_in(line.text)]


def _pack(lines: Lines) -> bytes:
    return json.dumps(lines).encode()


def _read(path: Path) -> Lines:
    content = json.loads(path.read_text(encoding="utf-8"))
    return [[Line(tuple(box), float(height), str(text)) for box, height, text in image] for image in content]
